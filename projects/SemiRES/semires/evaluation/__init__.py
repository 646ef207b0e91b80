"""Scores of the predictions of any model on images with expressions."""
from .evaluate_images import evaluate_image_masks
from .generalized_sums import GeneralizedSums

__all__ = ['GeneralizedSums', 'evaluate_image_masks']
