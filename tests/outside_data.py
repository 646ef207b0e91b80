"""Data that are not in the checkout; tests that need them are skipped without.

They lie in ``../shared`` beside the checkout, or where MMLANGSEG_REALDATA and
MMLANGSEG_PARITY say.
"""
from __future__ import annotations
import os
from pathlib import Path

_SHARED = Path(__file__).resolve().parents[2] / 'shared'


def realdata(name: str) -> Path:
    """A folder of real photographs, pairs or scans."""
    root = os.environ.get('MMLANGSEG_REALDATA', _SHARED / 'realdata')
    return Path(root) / name


def parity(name: str = '') -> Path:
    """A folder of what the released code of a paper computes."""
    return Path(os.environ.get('MMLANGSEG_PARITY', _SHARED / 'parity')) / name
