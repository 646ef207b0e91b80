"""Inference on own data in a few lines of Python.

Names are looked up when they are used: images do not need the libraries of
scans, nor scans those of images.
"""
from importlib import import_module

_MODULES = dict(
    ClassResult='semantic_results',
    ImageResult='semires_inferencer',
    LESSInferencer='less_inferencer',
    SSegInferencer='sseg_inferencer',
    ScanResult='scan_results',
    SemanticResult='semantic_results',
    SemiRESInferencer='semires_inferencer',
    as_points='scan_reader',
    place_scan='scan_frame',
    read_alignment='scan_frame',
    read_scan='scan_reader',
    write_image_results='semires_inferencer',
    write_scan_results='scan_results',
    write_semantic_result='semantic_results')

__all__ = list(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_MODULES[name]}', __name__), name)
