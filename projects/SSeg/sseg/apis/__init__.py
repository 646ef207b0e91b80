"""Inference on own images with class names."""
from .semantic_results import (ClassResult, SemanticResult,
                               write_semantic_result)
from .sseg_inferencer import SSegInferencer

__all__ = [
    'ClassResult', 'SSegInferencer', 'SemanticResult', 'write_semantic_result'
]
