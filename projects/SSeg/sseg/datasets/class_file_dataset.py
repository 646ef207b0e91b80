"""Images with label maps, and a file with the names of their classes."""
from __future__ import annotations
from typing import Optional

from mmengine.fileio import join_path
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .class_file import BACKGROUND, read_class_names

# Above every id of a 16-bit label map. 255 will not do where it is a class.
WIDE_IGNORE_INDEX = 65535
_IGNORED_BYTE = 255  # by custom, in label maps of 8 bits


@DATASETS.register_module()
class ClassFileDataset(BaseSegDataset):
    """Images with label maps of any number of classes.

    In the label maps 0 is what belongs to no class and i the i-th class of
    ``classes_file``. Ignored is 65535, and with up to 254 classes 255, too.
    Load them with :class:`LoadWideAnnotations`, which keeps
    ids above 255.

    Args:
        classes_file: Names of the classes, see :func:`read_class_names`;
            relative to ``data_root``.
        background: Whether id 0 is a class, the first one. If not, pixels
            with id 0 are ignored, and the first class becomes label 0. By
            default as ``classes_file`` says.
        ignore_index: Label of ignored pixels. The transform and the metric
            must have the same.
        data_root: Root of the data.
        kwargs: Those of mmseg's ``BaseSegDataset`` except ``metainfo`` and
            ``reduce_zero_label``, which follow from the above.

    Raises:
        FileNotFoundError: A file is missing, or there is no image.
        ValueError: ``classes_file`` is malformed, or ``ignore_index`` is a
            class.
    """

    def __init__(self,
                 classes_file: str,
                 background: Optional[bool] = None,
                 ignore_index: int = WIDE_IGNORE_INDEX,
                 data_root: Optional[str] = None,
                 **kwargs) -> None:
        names = read_class_names(join_path(data_root or '', classes_file))
        if background is None:
            background = names.background
        classes = (BACKGROUND, ) * background + names.labels
        if 0 <= ignore_index <= len(names.labels):
            raise ValueError(
                f'{classes_file} has {len(names.labels)} classes, of which '
                f'{ignore_index} is one: set ignore_index of the data set, of '
                'LoadWideAnnotations and of the metric to '
                f'{WIDE_IGNORE_INDEX}')
        self._ignore_ids = (_IGNORED_BYTE, ) \
            if len(names.labels) < _IGNORED_BYTE else ()
        super().__init__(
            metainfo=dict(classes=classes),
            reduce_zero_label=not background,
            ignore_index=ignore_index,
            data_root=data_root,
            **kwargs)

    def load_data_list(self) -> list[dict]:
        """One entry per image."""
        data_list = [
            dict(
                info,
                ignore_ids=self._ignore_ids,
                ignore_index=self.ignore_index)
            for info in super().load_data_list()
        ]
        if not data_list:
            raise FileNotFoundError(
                f'there is no image *{self.img_suffix} in '
                f'{self.data_prefix["img_path"]}. Correct data_root, '
                'data_prefix or img_suffix')
        for key in ('img_path', 'seg_map_path'):
            # MMEngine takes the byte order mark of a list for a letter.
            if key in data_list[0]:
                data_list[0][key] = data_list[0][key].replace('\ufeff', '')
        return data_list
