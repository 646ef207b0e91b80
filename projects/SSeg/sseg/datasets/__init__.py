"""Reading image-caption pairs, and data sets to evaluate on."""
from .class_file_dataset import WIDE_IGNORE_INDEX, ClassFileDataset
from .coco_object_dataset import COCOObjectDataset
from .folder_source import FolderSource
from .image_text_dataset import ImageTextDataset
from .imagenet_s_dataset import ImageNetSDataset
from .index_tars import IndexedTar, index_tars
from .jsonl_source import JSONLSource
from .lvis_dataset import LVISDataset
from .pair_source import PAIR_SOURCES, BrokenPairError, PairSource
from .pascal_voc20_dataset import PascalVOC20Dataset
from .table_source import TableSource
from .tar_index import TarIndexError, sum_counts
from .tar_source import TarSource, find_tars

__all__ = [
    'BrokenPairError',
    'COCOObjectDataset',
    'ClassFileDataset',
    'FolderSource',
    'ImageNetSDataset',
    'ImageTextDataset',
    'IndexedTar',
    'JSONLSource',
    'LVISDataset',
    'PAIR_SOURCES',
    'PairSource',
    'PascalVOC20Dataset',
    'TableSource',
    'TarIndexError',
    'TarSource',
    'WIDE_IGNORE_INDEX',
    'find_tars',
    'index_tars',
    'sum_counts',
]
