"""Inference on own images with sentences."""
from .semires_inferencer import (ImageResult, SemiRESInferencer,
                                 write_image_results)

__all__ = ['ImageResult', 'SemiRESInferencer', 'write_image_results']
