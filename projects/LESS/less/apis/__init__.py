"""Inference on own scans."""
from .less_inferencer import LESSInferencer
from .open_scan import OpenScan
from .scan_results import ScanResult, write_scan_results

__all__ = ['LESSInferencer', 'OpenScan', 'ScanResult', 'write_scan_results']
