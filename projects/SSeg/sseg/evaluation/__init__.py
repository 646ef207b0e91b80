"""Scores of open-vocabulary segmentation."""
from .wide_iou_metric import WideIoUMetric

__all__ = ['WideIoUMetric']
