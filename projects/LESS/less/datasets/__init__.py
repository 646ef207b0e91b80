"""Reading scans and referring expressions."""
from .annotations import AnnotationError, read_annotations, write_annotations
from .scanrefer_dataset import ScanReferDataset

__all__ = [
    'AnnotationError', 'ScanReferDataset', 'read_annotations',
    'write_annotations'
]
