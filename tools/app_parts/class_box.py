"""The box for names of classes."""
from __future__ import annotations
import re

from mmlangseg.sseg.vocabulary.class_lines import is_name
from .limits import MAX_CLASS_TEXT, MAX_CLASSES


def parse_classes(text: object) -> dict[str, list]:
    """Read classes as ``tools/infer.py --classes`` does, but never a file.

    Args:
        text: Names separated by commas or line breaks, each with its synonyms
            behind it, separated by ``;``: ``'sofa; couch, chair'``. Empty
            lines, and a comma at the end, are left out.

    Returns:
        dict: ``classes``, and ``prompt_names`` with their synonyms, as
        :class:`mmlangseg.sseg.vocabulary.vocabulary.Vocabulary` takes them.

    Raises:
        ValueError: There is no name, there are too many, or one cannot be the
            name of a class.
    """
    text = text if isinstance(text, str) else ''
    if len(text) > MAX_CLASS_TEXT:
        raise ValueError(f'The names have {len(text):,} characters, more than '
                         f'{MAX_CLASS_TEXT:,}: leave some out.')
    rows = [[name.strip() for name in row.split(';') if name.strip()]
            for row in re.split(r'[,\r\n]', text)]
    rows = [row for row in rows if row]
    if not rows:
        raise ValueError('Type names of classes first, such as "cat, dog", or '
                         'one in each line.')
    if len(rows) > MAX_CLASSES:
        raise ValueError(f'{len(rows)} classes are more than {MAX_CLASSES}: '
                         'leave some out.')
    for row in rows:
        for name in row:
            if not name.isprintable() or re.search('[<>]', name) \
                    or not is_name(name):
                raise ValueError(
                    f'{name[:60]!r} cannot be the name of a class: write '
                    'names without brackets, quotes and numbers before them.')
    return dict(classes=[row[0] for row in rows], prompt_names=rows)
