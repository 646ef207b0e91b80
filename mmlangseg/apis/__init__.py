"""Inference on own data in a few lines of Python.

Names are looked up in their projects when they are used: images do not need
the libraries of scans, nor scans those of images.
"""
from importlib import import_module

_HOMES = dict(
    ClassResult='mmlangseg.sseg.apis',
    ImageResult='mmlangseg.semires.apis',
    LESSInferencer='mmlangseg.less.apis',
    SSegInferencer='mmlangseg.sseg.apis',
    ScanResult='mmlangseg.less.apis',
    SemanticResult='mmlangseg.sseg.apis',
    SemiRESInferencer='mmlangseg.semires.apis',
    as_points='mmlangseg.less.scans',
    place_scan='mmlangseg.less.scans',
    read_alignment='mmlangseg.less.scans',
    read_scan='mmlangseg.less.scans',
    write_image_results='mmlangseg.semires.apis',
    write_scan_results='mmlangseg.less.apis',
    write_semantic_result='mmlangseg.sseg.apis')

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_HOMES[name]), name)
