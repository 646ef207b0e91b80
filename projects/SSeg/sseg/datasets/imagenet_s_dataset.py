"""ImageNet-S: classes of ImageNet with label maps."""
from __future__ import annotations

from mmseg.registry import DATASETS

from .class_file_dataset import ClassFileDataset


@DATASETS.register_module()
class ImageNetSDataset(ClassFileDataset):
    """ImageNet-S of 50, 300 or 919 classes, as it is downloaded.

    ``tools/dataset_converters/imagenet_s.py`` checks it and writes the
    names::

        <data_root>/classes.txt
        <data_root>/validation/n01443537/ILSVRC2012_val_00000236.JPEG
        <data_root>/validation-segmentation/n01443537/ILSVRC2012_val_....png

    The label maps are RGB with id = R + 256 G; 0 is "other" and 1000 ignored:
    load them with ``LoadWideAnnotations(rgb=True, ignore_ids=(1000, ))``.
    "Other" is a class that counts, as in the benchmark's own evaluation,
    unless ``background=False``.

    Args:
        classes_file: Names of the classes.
        data_prefix: Folders ``img_path`` and ``seg_map_path``.
        img_suffix: Ending of the images' names.
        kwargs: See :class:`ClassFileDataset`.
    """

    def __init__(self,
                 classes_file: str = 'classes.txt',
                 data_prefix: dict[str, str] | None = None,
                 img_suffix: str = '.JPEG',
                 **kwargs) -> None:
        prefix = dict(
            img_path='validation', seg_map_path='validation-segmentation')
        prefix.update(data_prefix or {})
        super().__init__(
            classes_file=classes_file,
            data_prefix=prefix,
            img_suffix=img_suffix,
            **kwargs)
