"""LVIS v1 as semantic segmentation."""
from __future__ import annotations

from mmseg.registry import DATASETS

from .class_file_dataset import ClassFileDataset


@DATASETS.register_module()
class LVISDataset(ClassFileDataset):
    """LVIS v1: 1,203 classes, 16-bit label maps.

    ``tools/dataset_converters/lvis.py`` makes the label maps out of instance
    masks, the list of images and the names::

        <data_root>/lvis_v1_val.txt              val2017/000000000139 ...
        <data_root>/classes.txt
        <data_root>/val2017/000000000139.jpg     COCO's images
        <data_root>/labels/val2017/000000000139.png

    and the same for ``train2017``, which has most images for validation.

    LVIS says of few classes that they are absent from an image, so that a
    pixel without instance may belong to any class. Such pixels are ignored
    by default; with ``background=True`` they are the class background, and
    masks of objects that nobody annotated count as errors.

    Args:
        ann_file: List of the images.
        classes_file: Names of the classes.
        data_prefix: Folders ``img_path`` and ``seg_map_path``.
        kwargs: See :class:`ClassFileDataset`.
    """

    def __init__(self,
                 ann_file: str = 'lvis_v1_val.txt',
                 classes_file: str = 'classes.txt',
                 data_prefix: dict[str, str] | None = None,
                 **kwargs) -> None:
        prefix = dict(img_path='', seg_map_path='labels')
        prefix.update(data_prefix or {})
        super().__init__(
            ann_file=ann_file,
            classes_file=classes_file,
            data_prefix=prefix,
            **kwargs)
