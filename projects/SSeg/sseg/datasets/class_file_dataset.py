"""Images with label maps, and a file with the names of their classes."""
from __future__ import annotations
import logging
import os
from pathlib import Path

from mmengine.fileio import join_path
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmlangseg.io.files import read_text
from mmlangseg.io.folder_files import list_files
from mmlangseg.io.images import SUFFIXES
from ..vocabulary.class_file import BACKGROUND, read_class_names

# Above every id of a 16-bit label map. 255 will not do where it is a class.
WIDE_IGNORE_INDEX = 65535
_IGNORED_BYTE = 255  # by custom, in label maps of 8 bits


@DATASETS.register_module()
class ClassFileDataset(BaseSegDataset):
    """Images with label maps of any number of classes.

    In the label maps 0 is what belongs to no class and i the i-th class of
    ``classes_file``, or, with ``first_id=0``, 0 is the first class. Ignored is
    65535, and with up to 254 classes 255, too.
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
        first_id: Id of the first class that is no background in the label
            maps, 1 or 0. With 0 no id means "no class", as in the files of
            ADE-847 and PC-459.
        data_root: Root of the data.
        kwargs: Those of mmseg's ``BaseSegDataset`` except ``metainfo`` and
            ``reduce_zero_label``, which follow from the above.

    Raises:
        FileNotFoundError: A file is missing, or there is no image.
        ValueError: ``classes_file`` is malformed, ``ann_file`` is not UTF-8,
            ``ignore_index`` is a class, or ``first_id`` is not 0 or 1, or is 0
            although there is a background.
    """

    def __init__(self,
                 classes_file: str,
                 background: bool | None = None,
                 ignore_index: int = WIDE_IGNORE_INDEX,
                 first_id: int = 1,
                 data_root: str | None = None,
                 **kwargs) -> None:
        names = read_class_names(join_path(data_root or '', classes_file))
        if background is None:
            background = names.background
        if first_id not in (0, 1) or background and first_id == 0:
            raise ValueError(
                f'first_id={first_id} does not go with background='
                f'{background}: it is 1, or 0 where no id of the label maps '
                'means that a pixel belongs to no class')
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
            reduce_zero_label=not background and first_id == 1,
            ignore_index=ignore_index,
            data_root=data_root,
            **kwargs)

    def load_data_list(self) -> list[dict]:
        """One entry per image that ``ann_file`` names, also if it stands there
        twice, or per image of the folder."""
        listed = bool(self.ann_file) and not os.path.isdir(self.ann_file)
        if listed and '://' not in self.ann_file:
            read_text(self.ann_file)  # or an error with its name
        found: dict[str, dict] = {}
        for info in super().load_data_list():
            # MMEngine takes the byte order mark of a list for a letter.
            paths = {
                key: info[key].replace('\ufeff', '')
                for key in ('img_path', 'seg_map_path') if key in info
            }
            if os.path.basename(paths['img_path']) != self.img_suffix:
                found[paths['img_path']] = dict(
                    info,
                    **paths,
                    ignore_ids=self._ignore_ids,
                    ignore_index=self.ignore_index)
        data_list = list(found.values())
        if not data_list:
            raise FileNotFoundError(
                f'there is no image *{self.img_suffix} in '
                f'{self.data_prefix["img_path"]}. Correct data_root, '
                'data_prefix or img_suffix')
        if not listed:
            self._name_left_out(data_list)
        return data_list

    def _name_left_out(self, data_list: list[dict]) -> None:
        """Warn of images in the folder that end otherwise."""
        folder = Path(self.data_prefix['img_path'])
        # label maps may lie beside the images
        known = {
            Path(path)
            for info in data_list
            for path in (info['img_path'], info.get('seg_map_path', ''))
        }
        others = sorted(
            path.relative_to(folder).as_posix()
            for path in list_files(folder, SUFFIXES, deep=True)
            if path not in known)
        if others:
            print_log(
                f'{folder}: {len(others)} images, such as {others[0]}, do not '
                f'end in {self.img_suffix} and are left out: rename them, or '
                'set img_suffix', 'current', logging.WARNING)
