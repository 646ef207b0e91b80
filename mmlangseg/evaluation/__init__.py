"""Metrics that several systems share."""
from .dump_referring_masks import DumpReferringMasks
from .mask_values import image_code, point_indices
from .prediction_files import Prediction, read_predictions
from .protocol import Protocol
from .referring_seg_metric import ReferringSegMetric
from .referring_sums import ReferringSums, referring_iou
from .row_index import PredictionError, RowIndex, id_text
from .summary import format_table

__all__ = [
    'DumpReferringMasks', 'Prediction', 'PredictionError', 'Protocol',
    'ReferringSegMetric', 'ReferringSums', 'RowIndex', 'format_table',
    'id_text', 'image_code', 'point_indices', 'read_predictions',
    'referring_iou'
]
