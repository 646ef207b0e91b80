"""Inference on own scans."""
from .less_inferencer import LESSInferencer
from .scan_results import ScanResult, write_scan_results

__all__ = ['LESSInferencer', 'ScanResult', 'write_scan_results']
