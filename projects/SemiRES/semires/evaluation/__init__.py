"""Scores of the predictions of any model on images with expressions."""
from .evaluate_images import evaluate_image_masks, says_none
from .generalized_seg_metric import GeneralizedSegMetric
from .generalized_sums import GeneralizedSums

__all__ = [
    'GeneralizedSegMetric', 'GeneralizedSums', 'evaluate_image_masks',
    'says_none'
]
