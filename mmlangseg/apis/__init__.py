"""Inference on own data in a few lines of Python."""
from .less_inferencer import LESSInferencer
from .scan_reader import as_points, read_scan
from .scan_results import ScanResult, write_scan_results

__all__ = [
    'LESSInferencer', 'ScanResult', 'as_points', 'read_scan',
    'write_scan_results'
]
