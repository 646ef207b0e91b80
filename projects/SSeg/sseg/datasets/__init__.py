"""Reading image-caption pairs, and data sets to evaluate on."""
from .benchmark_names import BENCHMARKS, dataset_vocabulary
from .class_file import ClassNames, read_class_names, write_class_names
from .class_file_dataset import WIDE_IGNORE_INDEX, ClassFileDataset
from .coco_object_dataset import COCOObjectDataset
from .image_text_dataset import ImageTextDataset
from .imagenet_s_dataset import ImageNetSDataset
from .lvis_dataset import LVISDataset
from .pair_source import PAIR_SOURCES, BrokenPairError, PairSource
from .pascal_voc20_dataset import PascalVOC20Dataset
from .tar_source import TarSource

__all__ = [
    'BENCHMARKS', 'BrokenPairError', 'COCOObjectDataset', 'ClassFileDataset',
    'ClassNames', 'ImageNetSDataset', 'ImageTextDataset', 'LVISDataset',
    'PAIR_SOURCES', 'PairSource', 'PascalVOC20Dataset', 'TarSource',
    'WIDE_IGNORE_INDEX', 'dataset_vocabulary', 'read_class_names',
    'write_class_names'
]
