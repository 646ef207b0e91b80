"""Reading scans and referring expressions."""
from .annotations import read_annotations, write_annotations
from .scanrefer_dataset import ScanReferDataset

__all__ = ['ScanReferDataset', 'read_annotations', 'write_annotations']
