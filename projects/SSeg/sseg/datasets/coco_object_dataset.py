"""COCO-Object: the 80 classes of COCO, and the rest as background."""
from __future__ import annotations

from mmseg.datasets import BaseSegDataset, COCOStuffDataset
from mmseg.registry import DATASETS

from ..vocabulary.class_file import BACKGROUND

NUM_THINGS = 80
_STUFF = COCOStuffDataset.METAINFO  # begins with the things in their order


@DATASETS.register_module()
class COCOObjectDataset(BaseSegDataset):
    """COCO with the background (81 classes) or without it (80).

    ``tools/dataset_converters/coco_object.py`` makes the label maps: 0 is the
    background, 1 to 80 the classes in COCO's order and 255 ignored.

    Args:
        background: Whether the background is a class, the first one. If not,
            its pixels are ignored.
        img_suffix: Ending of the images' names.
        seg_map_suffix: Ending of the label maps' names.
        metainfo: See mmseg's ``BaseSegDataset``; not with
            ``background=False``.
        kwargs: The rest of those of ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=(BACKGROUND, *_STUFF['classes'][:NUM_THINGS]),
        palette=[[0, 0, 0], *_STUFF['palette'][:NUM_THINGS]])

    def __init__(self,
                 background: bool = True,
                 img_suffix: str = '.jpg',
                 seg_map_suffix: str = '_instanceTrainIds.png',
                 metainfo: dict | None = None,
                 **kwargs) -> None:
        if not background:
            if metainfo is not None:
                raise ValueError('COCOObjectDataset takes metainfo or '
                                 'background=False, not both')
            # mmseg then maps the class that is left out to 255
            metainfo = dict(classes=self.METAINFO['classes'][1:])
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            metainfo=metainfo,
            **kwargs)
