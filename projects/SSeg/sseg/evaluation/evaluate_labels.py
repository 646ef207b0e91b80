"""Score the label maps of any model, one at a time."""
from __future__ import annotations
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from mmlangseg.evaluation import PredictionError
from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import PathLike
from mmlangseg.io.folder_files import list_files
from ..transforms.load_wide_annotations import (LoadWideAnnotations,
                                                decode_labels)
from ..vocabulary.class_file import BACKGROUND
from .label_names import require_same_labels
from .label_sums import LabelSums

SUFFIXES = ('.png', '.tif', '.tiff', '.npy')


def evaluate_label_maps(predictions: PathLike,
                        dataset: BaseSegDataset,
                        loader: LoadWideAnnotations,
                        first_id: int | None = None) -> dict[str, float]:
    """Score label maps on a benchmark.

    Args:
        predictions: A folder with one file per image, of the same name but
            ``.png``, ``.tif`` or ``.npy``, or an NPZ file with one array per
            image, (H, W) integers of the size of the label map.
        dataset: The images and label maps, without a pipeline.
        loader: Reads the label maps.
        first_id: What the first class of the data set (the background where
            it is a class) is called in the predictions, 0 or 1. By default as
            ``labels.json`` of ``tools/sseg/label_images.py`` says in the
            folder; without it 1 where label 0 is ignored in the files of the
            data set, as ``output_dir`` of :class:`WideIoUMetric` has it, and
            else 0.

    Returns:
        dict[str, float]: See :meth:`LabelSums.summary`.

    Raises:
        PredictionError: A map is missing, unknown, of another size, or has a
            number that is no class; or ``labels.json`` says that the numbers
            are those of other classes.
    """
    meta = dataset.metainfo
    known = _known_first_id(Path(predictions) / 'labels.json', meta['classes'])
    if first_id is None:
        first_id = known
    if first_id is None:
        first_id = int(bool(meta.get('reduce_zero_label')))
    sums = LabelSums(meta['classes'], meta, loader.ignore_index)
    rows: dict[str, int] = {}
    for row in range(len(dataset)):
        stem = Path(dataset.get_data_info(row)['img_path']).stem
        if rows.setdefault(stem, row) != row:
            raise PredictionError(
                f'two images of the data set are called {stem}, so that '
                'predictions cannot be told apart')
    seen = set()
    for stem, where, ids in _read_maps(Path(predictions), rows):
        if stem in seen:
            raise PredictionError(f'{where}: there was a map of {stem} '
                                  'before. Leave one of the two out')
        seen.add(stem)
        info = loader(dataset.get_data_info(rows[stem]))
        try:
            sums.add(ids.astype(np.int64) - first_id, info['gt_seg_map'])
        except ValueError as error:
            raise PredictionError(
                f'{where}: {error}. Predictions have the size of the label '
                f'map {info["seg_map_path"]}, and {first_id} for the first '
                f'class, {meta["classes"][0]!r} (first_id)') from None
    missing = [stem for stem in rows if stem not in seen]
    if missing:
        raise PredictionError(
            f'{predictions}: {len(missing)} of {len(rows)} images have no '
            f'label map: {", ".join(missing[:3])}')
    return sums.summary()


def _known_first_id(header: Path, classes: Sequence[str]) -> int | None:
    """Number of the first class in maps of label_images.py, where 0 is the
    background and i the i-th other class; None without its header."""
    if not header.is_file():
        return None
    content = load_json(header)
    names = content.get('classes') if isinstance(content, dict) else None
    background = names and content.get('background')
    if not isinstance(names, list) or not isinstance(background, bool):
        return None  # of something else
    try:
        require_same_labels([BACKGROUND] * background + names, classes)
    except ValueError as error:
        raise PredictionError(f'{header}: {error}') from None
    return int(not background)


def _read_maps(path: Path,
               rows: dict[str, int]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name of the image, where it stands, and ids (H, W)."""
    if path.is_dir():
        for file in list_files(path, SUFFIXES, deep=True):
            _check_name(file.stem, rows, file)
            yield file.stem, str(file), _check_map(file, _read_file(file))
        return
    try:
        with np.load(path, allow_pickle=False) as archive:
            for stem in archive.files:
                where = f'{path}, array "{stem}"'
                _check_name(stem, rows, where)
                yield stem, where, _check_map(where, archive[stem])
    except PredictionError:
        raise
    except (zipfile.BadZipFile, EOFError, AttributeError, ValueError) as error:
        raise PredictionError(f'{path} is neither a folder of label maps nor '
                              f'an NPZ file: {error}') from None


def _read_file(file: Path) -> Any:
    try:
        if file.suffix.lower() == '.npy':
            return np.load(file, allow_pickle=False)
        ids = decode_labels(file.read_bytes())
        # a PNG of one bit has truth values for Pillow
        return ids.astype(np.uint8) if ids.dtype == bool else ids
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise PredictionError(f'{file} is not a whole label map: '
                              f'{error}') from None


def _check_name(stem: str, rows: dict[str, int], where: object) -> None:
    if stem not in rows:
        raise PredictionError(
            f'{where}: no image of the data set is called {stem}. Are these '
            'the predictions of another split or data set?')


def _check_map(where: object, ids: Any) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in 'iu':
        raise PredictionError(
            f'{where} has shape {ids.shape} and dtype {ids.dtype}, but must '
            'be (height, width) integers, the number of the class at each '
            'pixel')
    return ids
