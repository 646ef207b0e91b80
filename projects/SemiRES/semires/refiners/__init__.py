"""Refining pseudo-labels by mask candidates: IOM and CPI."""
from .cpi import CPI
from .iom import IOM
from .keep_pseudo_label import KeepPseudoLabel
from .refinement import Refinement

__all__ = ['CPI', 'IOM', 'KeepPseudoLabel', 'Refinement']
