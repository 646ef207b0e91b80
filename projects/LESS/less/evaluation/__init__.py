"""Scores of the predictions of any model on scans."""
from .box_f1 import BoxF1, box_f1, box_ious, prediction_boxes
from .evaluate_scans import evaluate_scan_boxes, evaluate_scan_masks
from .scan_truth import ScanTruth, ScanTruths

__all__ = [
    'BoxF1', 'ScanTruth', 'ScanTruths', 'box_f1', 'box_ious',
    'evaluate_scan_boxes', 'evaluate_scan_masks', 'prediction_boxes'
]
