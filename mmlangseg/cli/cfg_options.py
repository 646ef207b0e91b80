"""The option ``--cfg-options KEY=VALUE ...`` of the tools."""
from __future__ import annotations
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction

_CLOSING = {'(': ')', '[': ']'}
# A part in quotes: they stand at its ends, as an apostrophe does not.
_QUOTED = re.compile(r"""(?:^|(?<=[,(\[])|(?<=[,(\[] ))(['"]).*?\1"""
                     r"""(?=\s*(?:$|[,)\]]))""")


class CfgOptions(DictAction):
    """MMEngine's ``DictAction`` whose values keep their blanks.

    MMEngine (0.10.7) takes all blanks out of a value, so that the class
    ``traffic light`` becomes ``trafficlight``, and a path another path. Here
    only those beside commas, brackets and the ends of a value go. A part in
    quotes keeps its commas and brackets, too.
    """

    def __call__(self,
                 parser: ArgumentParser,
                 namespace: Namespace,
                 values: Sequence[str],
                 option_string: str | None = None) -> None:
        options = dict(getattr(namespace, self.dest, None) or {})
        for word in values:
            try:
                key, value = split_option(word)
            except ValueError as error:
                parser.error(f'{option_string} {error}')
            options[key] = value
        setattr(namespace, self.dest, options)


def add_cfg_options(parser: ArgumentParser, example: str = '') -> None:
    """Add ``--cfg-options KEY=VALUE ...`` to a program's command line.

    Args:
        parser: Of the program.
        example: For the help, such as ``train_cfg.max_epochs=3``.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        metavar='KEY=VALUE',
        help='override values of the config' +
        (f', for example {example}' if example else ''))


def split_option(word: str) -> tuple[str, Any]:
    """Key and value of ``KEY=VALUE``.

    Raises:
        ValueError: It has no key, or brackets that do not match.
    """
    key, equals, text = word.partition('=')
    key = key.strip()
    if not key or not equals:
        raise ValueError(
            f'{word!r} is not KEY=VALUE; a value with blanks belongs in '
            'quotes, such as "classes=[traffic light, fire hydrant]"')
    try:
        return key, parse_value(text)
    except ValueError as error:
        raise ValueError(f'{word!r}: {error}; quotes around a part keep its '
                         'brackets and commas') from None


def parse_value(text: str) -> Any:
    """The value that a text means.

    ``1`` is an integer, ``1e-3`` a float, ``True`` and ``false`` are
    booleans, ``None`` is None; ``a,b`` and ``[a,b]`` are lists, ``(a,b)`` is
    a tuple, all of them nested as deep as one likes; anything else is a
    string.

    Raises:
        ValueError: Brackets do not match.
    """
    text = text.strip()
    hidden = _QUOTED.sub(lambda part: '.' * len(part[0]), text)
    if text and not hidden.strip('.') and text[0] in '\'"':  # all of it
        text = text[1:-1]
        if text[:1] + text[-1:] not in ('[]', '()'):
            return DictAction._parse_int_float_bool(text)
        return parse_value(text)  # a list in quotes that the shell has left
    depths = _depths(hidden)
    if not text or 0 in depths:
        parts = _split(text, hidden, depths)
        if len(parts) == 1:
            return DictAction._parse_int_float_bool(text)
        return _parse_all(parts)
    # one bracket around all of it
    inner, hidden = text[1:-1], hidden[1:-1]
    values = _parse_all(_split(inner, hidden, _depths(hidden)))
    return tuple(values) if text[0] == '(' else values


def _parse_all(parts: list[str]) -> list:
    if not parts[-1].strip():  # nothing, or nothing behind the last comma
        parts = parts[:-1]
    return [parse_value(part) for part in parts]


def _split(text: str, hidden: str, depths: list[int]) -> list[str]:
    """Parts of ``text`` between the commas that are in no bracket."""
    commas = [
        place for place, char in enumerate(hidden)
        if char == ',' and depths[place] == 0
    ]
    edges = zip([-1, *commas], [*commas, len(text)])
    return [text[first + 1:last] for first, last in edges]


def _depths(text: str) -> list[int]:
    """How many brackets each character is in, its own included."""
    closing, depths = [], []
    for char in text:
        if char in _CLOSING:
            closing.append(_CLOSING[char])
        depths.append(len(closing))
        if char in ')]' and (not closing or closing.pop() != char):
            raise ValueError('its brackets do not match')
    if closing:
        raise ValueError(f'{closing[-1]!r} is missing')
    return depths
