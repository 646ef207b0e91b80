"""Reading annotation files, with errors that say where and how."""
from __future__ import annotations
import json
from collections.abc import Sequence
from typing import Any

from .files import PathLike, read_text

_LISTED = 10


class AnnotationError(ValueError):
    """An annotation file is malformed; the message says where and how."""


def load_json(path: PathLike, made_by: str = '') -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        made_by: What makes such files, for the message if there is none.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is not valid JSON; says line and column.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        remedy = f'. Make it with {made_by}' if made_by else ''
        raise FileNotFoundError(f'{path} does not exist{remedy}') from None
    except ValueError as error:
        raise AnnotationError(str(error)) from None
    return parse_json(path, text)


def parse_json(path: PathLike, text: str) -> Any:
    """Parse the text of a JSON file.

    Raises:
        AnnotationError: It is not valid JSON; says line and column.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # too long, or too nested
        raise AnnotationError(
            f'{path} is not valid JSON: {error}. Download or make the file '
            'again') from None


def raise_faults(path: PathLike, faults: Sequence[str]) -> None:
    """Raise an :class:`AnnotationError` that lists the first ten faults."""
    if faults:
        more = len(faults) - _LISTED
        lines = [f'{path}:', *faults[:_LISTED]]
        if more > 0:
            lines.append(f'... and {more} more')
        raise AnnotationError('\n  '.join(lines))
