"""Score the predictions of any model on scans, one at a time."""
from __future__ import annotations
from collections.abc import Iterator
from pathlib import Path

from mmlangseg.evaluation import (Prediction, ReferringSums, RowIndex,
                                  point_indices, read_predictions,
                                  referring_iou)
from mmlangseg.io.annotations import AnnotationError
from mmlangseg.io.files import PathLike
from ..datasets.annotations import read_annotations
from ..scans.files import read_infos
from .box_f1 import BoxF1, prediction_boxes
from .scan_truth import ScanTruth, ScanTruths


def evaluate_scan_masks(predictions: PathLike,
                        ann_file: PathLike,
                        info_file: PathLike,
                        data_root: PathLike,
                        sums: ReferringSums,
                        min_points: int = 1) -> dict[str, dict]:
    """Score masks of scans: ScanRefer, Nr3D, Sr3D, Multi3DRefer, own scans.

    Predictions of a scan should stand together: the scans used last are
    kept, others are read again.

    Args:
        predictions: See :func:`read_predictions`; ids are ``scene_id``,
            ``ann_id`` and, where an ``ann_id`` occurs twice in a scan,
            ``object_id``. Of one mask per scene that unites all objects.
        ann_file: Made by ``tools/dataset_converters/scanrefer.py`` or
            ``own_scans.py``; its groups are those of the table.
        info_file: Info file of the split.
        data_root: Of the processed scans.
        sums: What the scores are added to.
        min_points: Without a target, a prediction of fewer points counts as
            empty (MDIN: 50).

    Returns:
        dict[str, dict]: See :meth:`ReferringSums.summary`.

    Raises:
        PredictionError: A prediction is malformed, unknown, double or
            missing.
        AnnotationError: The annotations do not fit the scans.
    """
    for prediction, row, scan in _pairs(predictions, ann_file, info_file,
                                        data_root):
        indices = point_indices(prediction, scan.num_points)
        inter, union, _ = scan.compare(indices, row['object_ids'])
        zero_target = not row['object_ids']
        iou, union = referring_iou(inter, union, len(indices), zero_target,
                                   min_points)
        sums.add(iou, inter, union, zero_target, row['groups'])
    return sums.summary()


def evaluate_scan_boxes(predictions: PathLike, ann_file: PathLike,
                        info_file: PathLike, data_root: PathLike,
                        scores: BoxF1) -> dict[str, dict]:
    """Score boxes of scans by the rule of M3DRef-CLIP.

    True boxes are those of the points of each object in the aligned scan.

    Args:
        predictions: See :func:`read_predictions`, with ``boxes``.
        ann_file: See :func:`evaluate_scan_masks`.
        info_file: Info file of the split.
        data_root: Of the processed scans.
        scores: What the scores are added to.

    Returns:
        dict[str, dict]: See :meth:`BoxF1.summary`.

    Raises:
        PredictionError: See :func:`evaluate_scan_masks`.
        AnnotationError: See there.
    """
    for prediction, row, scan in _pairs(predictions, ann_file, info_file,
                                        data_root):
        scores.add(
            prediction_boxes(prediction), scan.boxes(row['object_ids']),
            row['groups'])
    return scores.summary()


def _pairs(
        predictions: PathLike, ann_file: PathLike, info_file: PathLike,
        data_root: PathLike) -> Iterator[tuple[Prediction, dict, ScanTruth]]:
    _, rows = read_annotations(ann_file)
    infos = read_infos(info_file, data_root)
    for index, row in enumerate(rows):
        if row['scene_id'] not in infos:
            raise AnnotationError(
                f'{ann_file}, row {index}: scene {row["scene_id"]!r} is not '
                f'in {info_file}. Use the annotations of the same split')
    # only what is needed of each row: there are tens of thousands
    rows = [
        dict(
            scene_id=row['scene_id'],
            ann_id=row['ann_id'],
            named=row['object_ids'],
            object_ids=infos[row['scene_id']].first_ids(row['object_ids']),
            groups=row['groups']) for row in rows
    ]
    single = all(len(row['named']) == 1 for row in rows)
    expected = RowIndex(('scene_id', 'ann_id'),
                        [(row['scene_id'], row['ann_id']) for row in rows],
                        Path(ann_file), 'object_id' if single else None,
                        [row['named'][0] for row in rows] if single else ())
    truths = ScanTruths(infos)
    for prediction in read_predictions(predictions):
        row = rows[expected.take(prediction.ids, prediction.where)]
        yield prediction, row, truths[row['scene_id']]
    expected.finish(predictions)
