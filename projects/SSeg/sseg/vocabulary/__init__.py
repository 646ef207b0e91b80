"""Names of classes: lists, files, templates and their embeddings."""
from .benchmark_names import BENCHMARKS, dataset_vocabulary
from .class_file import ClassNames, read_class_names, write_class_names
from .templates import get_templates
from .vocabulary import Vocabulary

__all__ = [
    'BENCHMARKS', 'ClassNames', 'Vocabulary', 'dataset_vocabulary',
    'get_templates', 'read_class_names', 'write_class_names'
]
