"""Scores of open-vocabulary segmentation."""
from .label_coverage import check_coverage
from .wide_iou_metric import WideIoUMetric

__all__ = ['WideIoUMetric', 'check_coverage']
