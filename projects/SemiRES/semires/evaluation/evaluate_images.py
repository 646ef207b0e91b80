"""Score the predictions of any model on images, one at a time."""
from __future__ import annotations
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pycocotools import mask as mask_utils

from mmlangseg.evaluation import (Prediction, PredictionError, ReferringSums,
                                  RowIndex, image_code, read_predictions,
                                  referring_iou)
from mmlangseg.io.annotations import raise_faults
from mmlangseg.io.coco_segmentation import decode_segmentation
from mmlangseg.io.files import PathLike
from ..datasets.refer_files import (find_refs_file, read_instances, read_refs,
                                    select_split)
from .generalized_sums import GeneralizedSums

_KEPT = 256  # targets; the sentences of an object often stand together


def evaluate_image_masks(predictions: PathLike,
                         folder: PathLike,
                         split: str,
                         split_by: str,
                         sums: ReferringSums | GeneralizedSums,
                         min_pixels: int = 1) -> dict[str, Any]:
    """Score masks of images: RefCOCO, RefCOCO+, RefCOCOg, gRefCOCO.

    Masks are compared at the size of the original images; the parts of an
    object, and several objects, are united.

    Args:
        predictions: See :func:`read_predictions`; the id is ``sent_id``,
            with ``ref_id`` where a ``sent_id`` occurs twice. With
            ``no_target`` (bool) a prediction may say that nothing is meant.
        folder: Of ``instances.json`` and the refs.
        split: See :class:`RefCOCODataset`.
        split_by: See there.
        sums: What the scores are added to.
        min_pixels: A mask of fewer pixels says that nothing is meant (50 in
            the evaluations of LISA's successors), where ``no_target`` does
            not.

    Returns:
        dict[str, Any]: ``sums.summary()``.

    Raises:
        PredictionError: A prediction is malformed, unknown, double or
            missing.
        AnnotationError: The annotations are malformed.
    """
    truth = _Truth(folder, split, split_by)
    index = RowIndex(('sent_id', ), truth.keys, truth.refs_file, 'ref_id',
                     truth.ref_ids)
    for prediction in read_predictions(predictions):
        row = index.take(prediction.ids, prediction.where)
        height, width = truth.size(row)
        target = truth.code(truth.ref_of(row))
        code = image_code(prediction, height, width)
        inter = _area(mask_utils.merge([code, target], intersect=True))
        n_pred, n_target = _area(code), _area(target)
        zero_target = truth.is_empty(row)
        said = says_none(prediction)
        none = n_pred < min_pixels if said is None else said
        if isinstance(sums, GeneralizedSums):
            sums.add(inter, n_pred, n_target, not zero_target, none)
            continue
        if said:  # whatever the mask shows
            inter = n_pred = 0
        iou, union = referring_iou(inter, n_pred + n_target - inter,
                                   0 if none else min_pixels, zero_target,
                                   min_pixels)
        sums.add(iou, inter, union, zero_target, truth.groups(row))
    index.finish(predictions)
    return sums.summary()


def says_none(prediction: Prediction) -> bool | None:
    """What a prediction says in words about whether nothing is meant, None
    for nothing. It counts, whatever the mask shows.

    Raises:
        PredictionError: It is neither true nor false.
    """
    said = prediction.ids.get('no_target')
    if said is None:
        return None
    if said not in (0, 1):
        raise PredictionError(f'{prediction.where}: "no_target" is '
                              f'{said!r:.40}, neither true nor false')
    return bool(said)


def _area(code: dict) -> int:
    return int(mask_utils.area(code))


class _Truth:
    """The sentences of a split and what they mean."""

    def __init__(self, folder: PathLike, split: str, split_by: str) -> None:
        self.refs_file = Path(find_refs_file(folder, split_by))
        self._refs = select_split(
            read_refs(self.refs_file), split, self.refs_file)
        raise_faults(self.refs_file, [
            f'ref_id {ref["ref_id"]}: its object was not annotated, so that '
            'predictions cannot be scored'
            for ref in self._refs if ref['ann_ids'] is None
        ])
        self._images, self._segmentations = read_instances(
            os.path.join(folder, 'instances.json'), self._refs)
        rows = list(self._rows())
        self.keys = [(sentence['sent_id'], ) for _, sentence in rows]
        self.ref_ids = [self._refs[ref]['ref_id'] for ref, _ in rows]
        self._ref_of = [ref for ref, _ in rows]
        self._groups = [tuple(sentence['groups']) for _, sentence in rows]
        self.code = lru_cache(_KEPT)(self._draw)

    def _rows(self) -> Iterator[tuple[int, dict]]:
        for number, ref in enumerate(self._refs):
            for sentence in ref['sentences']:
                yield number, sentence

    def ref_of(self, row: int) -> int:
        return self._ref_of[row]

    def groups(self, row: int) -> tuple[str, ...]:
        return self._groups[row]

    def is_empty(self, row: int) -> bool:
        return not self._refs[self._ref_of[row]]['ann_ids']

    def size(self, row: int) -> tuple[int, int]:
        """Height and width of the image."""
        image = self._images[self._refs[self._ref_of[row]]['image_id']]
        return image['height'], image['width']

    def _draw(self, number: int) -> dict:
        """The union of the objects of a ref, as run lengths of COCO."""
        ref = self._refs[number]
        image = self._images[ref['image_id']]
        height, width = image['height'], image['width']
        codes = [
            mask_utils.encode(
                decode_segmentation(self._segmentations[i], height,
                                    width).copy(order='F'))
            for i in ref['ann_ids']
        ]
        # of nothing pycocotools makes a code of no pixels
        return mask_utils.merge(codes) if codes else mask_utils.frPyObjects(
            dict(size=[height, width], counts=[height * width]), height, width)
