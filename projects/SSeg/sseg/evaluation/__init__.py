"""Scores of open-vocabulary segmentation."""
from .evaluate_labels import evaluate_label_maps
from .label_coverage import check_coverage
from .label_names import require_same_labels
from .label_sums import LabelSums
from .wide_iou_metric import WideIoUMetric

__all__ = [
    'LabelSums', 'WideIoUMetric', 'check_coverage', 'evaluate_label_maps',
    'require_same_labels'
]
