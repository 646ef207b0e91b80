"""PASCAL VOC without background."""
from __future__ import annotations

from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class PascalVOC20Dataset(PascalVOCDataset):
    """PASCAL VOC of 20 classes: pixels of the background are ignored.

    Args:
        ann_file: List of the images.
        reduce_zero_label: Whether label 0 is ignored and the others are moved
            down by one. False for label maps in which this is done.
        kwargs: Those of mmseg's ``PascalVOCDataset``.
    """

    METAINFO = {
        key: value[1:]
        for key, value in PascalVOCDataset.METAINFO.items()
    }

    def __init__(self,
                 ann_file: str,
                 reduce_zero_label: bool = True,
                 **kwargs) -> None:
        super().__init__(
            ann_file=ann_file, reduce_zero_label=reduce_zero_label, **kwargs)
