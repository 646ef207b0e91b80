"""Referring expressions in Parquet, as data sets of the hub have them."""
from __future__ import annotations
import json
from collections.abc import Iterator
from pathlib import Path

from mmlangseg.io.annotations import AnnotationError


def read_parquet(path: Path) -> Iterator[dict]:
    """Yield the rows of a file as :func:`.read_dialects` takes them.

    Args:
        path: With REFER's columns and ``raw_anns``, ``raw_image_info`` (JSON
            text), as ``jxu124/refcoco`` has them.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: pyarrow is not installed.
        AnnotationError: A column is missing, or the file is malformed.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ImportError(f'{path}: Parquet is read with pyarrow, which is '
                          'not installed: pip install pyarrow') from None
    columns = [
        'sentences', 'ann_id', 'category_id', 'ref_id', 'split', 'raw_anns',
        'raw_image_info'
    ]
    try:
        with parquet.ParquetFile(path) as file:
            absent = set(columns) - set(file.schema_arrow.names)
            if absent:
                raise AnnotationError(
                    f'{path} has no column "{min(absent)}", but '
                    f'{sorted(file.schema_arrow.names)}')
            for batch in file.iter_batches(1024, columns=columns):
                for row in batch.to_pylist():
                    yield _parquet_row(path, row)
    except (ArrowException, OSError, UnicodeError) as error:
        if getattr(error, 'errno', None) is not None:  # of the file system
            raise
        # for most damage pyarrow raises a plain OSError
        raise AnnotationError(f'{path} is not a whole Parquet file: '
                              f'{error}') from None


def _parquet_row(path: Path, row: dict) -> dict:
    try:
        annotation = json.loads(row['raw_anns'])
        image = json.loads(row['raw_image_info'])
        return dict(
            row,
            image_id=image['id'],
            file_name=image['file_name'],
            height=image['height'],
            width=image['width'],
            bbox=annotation.get('bbox'),
            segmentation=annotation['segmentation'])
    except (AttributeError, KeyError, TypeError, ValueError,
            RecursionError) as error:
        raise AnnotationError(
            f'{path}, ref_id {row.get("ref_id")}: "raw_anns" or '
            f'"raw_image_info" is not usable ({error!r:.60})') from None
