"""ScanNet's table of labels, ``scannetv2-labels.combined.tsv``."""
from __future__ import annotations
import csv
import io
from pathlib import Path

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.io.files import read_text

# NYU40 class 1 is the first.
NYU40 = ('wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door',
         'window', 'bookshelf', 'picture', 'counter', 'blinds', 'desk',
         'shelves', 'curtain', 'dresser', 'pillow', 'mirror', 'floor mat',
         'clothes', 'ceiling', 'books', 'refrigerator', 'television', 'paper',
         'towel', 'shower curtain', 'box', 'whiteboard', 'person',
         'night stand', 'toilet', 'sink', 'lamp', 'bathtub', 'bag',
         'otherstructure', 'otherfurniture', 'otherprop')

# ScanRefer's benchmark classes; everything else is "others".
CLASSES = ('cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window',
           'bookshelf', 'picture', 'counter', 'desk', 'curtain',
           'refrigerator', 'shower curtain', 'toilet', 'sink', 'bathtub')
OTHERS = 'others'


def read_nyu40_ids(path: Path) -> dict[str, int]:
    """Map ScanNet's raw categories to NYU40 ids."""
    ids = {}
    for number, row in enumerate(_read_rows(path, ('nyu40id', )), 2):
        number_of_class = _nyu40_id(row)
        if number_of_class is None:
            raise AnnotationError(
                f'{path}, line {number}: "nyu40id" is {row["nyu40id"]!r}, not '
                'a number. Download the table again')
        ids[row['raw_category']] = number_of_class
    return ids


def read_scanrefer_classes(path: Path) -> dict[str, str]:
    """Map ScanNet's raw categories to ScanRefer's 18 classes.

    ScanRefer goes by the name in ``nyu40class``. Tables spell the names in
    several ways ("refridgerator" in the one of ScanNet and MMDetection3D);
    where a name is not known, ``nyu40id`` tells the class.
    """
    known = {_letters(name): name for name in NYU40}
    known['refridgerator'] = 'refrigerator'
    classes = {}
    for row in _read_rows(path, ('nyu40class', 'nyu40id'), any_of=True):
        name = known.get(_letters(row.get('nyu40class') or ''))
        if name is None:
            index = _nyu40_id(row)
            known_id = index is not None and 1 <= index <= len(NYU40)
            name = NYU40[(index or 0) - 1] if known_id else OTHERS
        classes[row['raw_category']] = name if name in CLASSES else OTHERS
    return classes


def _letters(name: str) -> str:
    """The name without what is written in several ways."""
    return ''.join(c for c in name.casefold() if c.isalnum())


def _nyu40_id(row: dict[str, str]) -> int | None:
    text = (row.get('nyu40id') or '').strip()
    return int(text) if text.isdecimal() and len(text) < 6 else None


def _read_rows(path: Path,
               columns: tuple,
               any_of: bool = False) -> list[dict[str, str]]:
    """Rows of the table that have a raw category.

    Args:
        path: The table.
        columns: Those that are needed besides ``raw_category``.
        any_of: Whether one of them is enough.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. It comes with ScanNet; scanrefer.py '
            'takes the name of another with --label-table') from None
    reader = csv.DictReader(io.StringIO(text), delimiter='\t')
    try:
        rows = list(reader)
    except csv.Error as error:
        raise AnnotationError(f'{path} is damaged: {error}. Download the '
                              'table again') from None
    names = reader.fieldnames or ()
    absent = [name for name in columns if name not in names]
    if any_of and len(absent) < len(columns):
        absent = []
    if 'raw_category' not in names:
        absent = ['raw_category', *absent]
    if absent or not rows:
        missing = f'column "{absent[0]}"' if absent else 'rows'
        raise AnnotationError(
            f'{path} has no {missing}. Is it ScanNet\'s table, with tabs '
            'between the columns? Download it again')
    return [row for row in rows if row['raw_category']]
