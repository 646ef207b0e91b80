"""What predictions say about masks, checked and in the form of the metrics."""
from __future__ import annotations
from typing import Any

import numpy as np
from pycocotools import mask as mask_utils

from mmlangseg.io.coco_segmentation import (check_segmentation,
                                            decode_segmentation, run_lengths)
from .prediction_files import Prediction
from .row_index import PredictionError


def point_indices(prediction: Prediction, num_points: int) -> np.ndarray:
    """The points inside the mask of a scan.

    Args:
        prediction: Its mask.
        num_points: N, of the scan.

    Returns:
        np.ndarray: (K, ) int64, ascending, each once.

    Raises:
        PredictionError: The mask is malformed or not of N points.
    """
    kind, value = prediction.kind, prediction.value
    try:
        if kind == 'indices':
            return _check_indices(value, num_points)
        if kind == 'rle':
            return _indices_of_runs(value, num_points)
        if kind == 'mask':
            mask = _binary(value, (num_points, ))
            return np.flatnonzero(mask)
        raise ValueError(f'it is {kind}, but masks of points are wanted')
    except ValueError as error:
        raise PredictionError(
            f'{prediction.where}: {error}. Masks are those of all '
            f'{num_points} points of the scan, in their order') from None


def image_code(prediction: Prediction, height: int, width: int) -> dict:
    """The mask of an image as compressed run lengths of COCO.

    Args:
        prediction: Its mask.
        height: H, of the original image.
        width: W.

    Returns:
        dict: ``size`` and ``counts``, as pycocotools has them, checked.

    Raises:
        PredictionError: The mask is malformed or not of H x W pixels.
    """
    kind, value = prediction.kind, prediction.value
    try:
        if kind == 'rle':
            return _image_runs(value, height, width)
        if kind == 'polygons':
            if isinstance(value, list) and not value:
                return _encode(np.zeros((height, width), np.uint8))
            check_segmentation(value, height, width)
            return _encode(decode_segmentation(value, height, width))
        if kind == 'mask':
            if isinstance(value, list) and not value:
                value = np.zeros((height, width), np.uint8)
            return _encode(_binary(value, (height, width)))
        raise ValueError(f'it is {kind}, but masks of pixels are wanted')
    except ValueError as error:
        raise PredictionError(
            f'{prediction.where}: {error}. Masks are those of the original '
            f'image, {height} x {width} pixels (height, width)') from None


def _check_indices(value: Any, num_points: int) -> np.ndarray:
    if isinstance(value, list) and not all(type(i) is int for i in value):
        raise ValueError('"point_indices" is not a list of integers')
    try:
        indices = np.asarray(value, np.int64)
    except (OverflowError, TypeError, ValueError):
        indices = np.zeros((0, 0))
    if indices.ndim != 1:
        raise ValueError('"point_indices" is not a list of integers')
    if not len(indices):
        return indices
    if (indices[1:] <= indices[:-1]).any():
        indices = np.unique(indices)
    if indices[0] < 0 or indices[-1] >= num_points:
        wrong = indices[0] if indices[0] < 0 else indices[-1]
        raise ValueError(f'index {wrong} is not a point of the scan, which '
                         f'has {num_points}')
    return indices


def _indices_of_runs(value: Any, num_points: int) -> np.ndarray:
    if not isinstance(value, dict):
        raise ValueError(f'it is {value!r:.40}, not a run-length code')
    if 'length' in value:  # of SPFormer, 3D-STMN and MDIN
        starts, lengths = _numbered_runs(value, num_points)
    else:
        size = value.get('size')
        if isinstance(size, list) and all(type(n) is int for n in size):
            size = int(np.prod(size, dtype=np.float64))
        if size != num_points:
            raise ValueError(f'"size" is {value.get("size")!r:.40}')
        runs = run_lengths(value.get('counts'), num_points)
        starts, lengths = (runs.cumsum() - runs)[1::2], runs[1::2]
    first = starts - (lengths.cumsum() - lengths)
    return np.repeat(first, lengths) + np.arange(lengths.sum())


def _numbered_runs(value: dict,
                   num_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts, from 0, and lengths of a code ``start length start ...``, from
    1."""
    if value['length'] != num_points:
        raise ValueError(f'"length" is {value["length"]!r:.40}')
    counts = value.get('counts')
    try:
        words = counts.split() if isinstance(counts, str) else counts
        numbers = np.array(words, dtype=np.int64).reshape(-1, 2)
    except (ValueError, TypeError, OverflowError):
        raise ValueError('"counts" is not pairs of start and length') from None
    starts, lengths = numbers[:, 0] - 1, numbers[:, 1]
    ends = starts + lengths
    if (lengths < 0).any() or (starts < np.r_[0, ends[:-1]]).any() or (
            ends > num_points).any():
        raise ValueError('"counts" has runs that overlap or leave the scan')
    return starts, lengths


def _image_runs(value: Any, height: int, width: int) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f'it is {value!r:.40}, not "size" and "counts"')
    if value.get('size') != [height, width]:
        raise ValueError(f'"size" is {value.get("size")!r:.40}')
    counts = value.get('counts')
    run_lengths(counts, height * width)  # pycocotools trusts its input
    if isinstance(counts, list):
        return mask_utils.frPyObjects(value, height, width)
    counts = counts.encode() if isinstance(counts, str) else counts
    return dict(size=[height, width], counts=counts)


def _binary(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        mask = np.asarray(value)
    except ValueError:
        raise ValueError('"mask" is not numbers 0 and 1') from None
    if mask.dtype.kind not in 'biuf' or mask.shape != shape:
        raise ValueError(f'"mask" has shape {mask.shape} and dtype '
                         f'{mask.dtype}')
    if mask.dtype.kind != 'b' and not np.isin(mask, (0, 1, 255)).all():
        raise ValueError('"mask" has other numbers than 0 and 1 (or 255): '
                         'apply the threshold of the probability before')
    return mask != 0


def _encode(mask: np.ndarray) -> dict:
    return mask_utils.encode(np.asfortranarray(mask, np.uint8))
