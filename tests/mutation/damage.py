"""Harmless damage to the bytes of a small file, drawn from a seed."""
from __future__ import annotations
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .forms import FORMS
from .trees import damage_tree

# What a number of a text file may turn into.
WORDS = ('nan', 'inf', '-1', '0', '1.5', '1e400', '9' * 30, '-' + '9' * 30,
         '0x1f', 'word', '""', '', '\u00e9')


class Damage(NamedTuple):
    """A damaged file.

    Attributes:
        name: What was done.
        data: The bytes of the file.
        strict: Whether a reader that takes the file must find in it what the
            undamaged file says, for something else cannot be meant.
    """
    name: str
    data: bytes
    strict: bool = False


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """A random, mostly short, piece of the file."""
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(2**rng.uniform(0, 7)))


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """An interrupted download."""
    return data[:int(
        rng.choice([
            0, 1,
            rng.integers(len(data)),
            len(data) - 1,
            rng.integers(len(data))
        ]))]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One byte is another one."""
    place = int(rng.integers(len(data)))
    other = bytes([data[place] ^ int(rng.integers(1, 256))])
    return data[:place] + other + data[place + 1:]


def zero(data: bytes, rng: np.random.Generator) -> bytes:
    """A block that the file system lost."""
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def drop(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece is missing."""
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def double(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece is there twice."""
    start, end = _span(data, rng)
    return data[:end] + data[start:]


def append(data: bytes, rng: np.random.Generator) -> bytes:
    """Something follows behind the end."""
    return data + rng.bytes(int(rng.integers(1, 100)))


def page(data: bytes, rng: np.random.Generator) -> bytes:
    """The error page of a server in place of the file."""
    return b'<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n'


def drop_line(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(True)
    del lines[int(rng.integers(len(lines)))]
    return b''.join(lines)


def double_line(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(True)
    place = int(rng.integers(len(lines)))
    return b''.join(lines[:place + 1] + lines[place:])


def join_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(True)
    place = int(rng.integers(len(lines)))
    lines[place] = lines[place].rstrip(b'\r\n')
    return b''.join(lines)


def swap_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(True)
    i, j = rng.integers(len(lines), size=2).tolist()
    lines[i], lines[j] = lines[j], lines[i]
    return b''.join(lines)


def replace_word(data: bytes, rng: np.random.Generator) -> bytes:
    """Another word, or a number that is none, too large, negative."""
    lines = data.splitlines(True)
    place = int(rng.integers(len(lines)))
    words = lines[place].replace(b'\t', b' \t ').split(b' ')
    words[int(rng.integers(len(words)))] = \
        WORDS[int(rng.integers(len(WORDS)))].encode()
    lines[place] = b' '.join(words).replace(b' \t ', b'\t')
    if not lines[place].endswith(b'\n'):
        lines[place] += b'\n'
    return b''.join(lines)


def other_separators(data: bytes, rng: np.random.Generator) -> bytes:
    old, new = [(b'\t', b' '), (b',', b';'), (b' ', b'\t'),
                (b':', b'=')][int(rng.integers(4))]
    return data.replace(old, new)


def windows_lines(data: bytes, rng: np.random.Generator) -> bytes:
    return data.replace(b'\n', b'\r\n')


def byte_order_mark(data: bytes, rng: np.random.Generator) -> bytes:
    return b'\xef\xbb\xbf' + data


def utf16(data: bytes, rng: np.random.Generator) -> bytes:
    return data.decode('utf-8', 'replace').encode('utf-16')


def latin1(data: bytes, rng: np.random.Generator) -> bytes:
    """A letter of a file that was saved as Latin-1."""
    place = int(rng.integers(len(data) + 1))
    return data[:place] + b'\xe9' + data[place:]


def nul(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data) + 1))
    return data[:place] + b'\0' + data[place:]


BYTES = (cut, flip, zero, drop, double, append, page)
LINES = (cut, flip, drop, double, page, drop_line, double_line, join_lines,
         swap_lines, replace_word, replace_word, other_separators,
         windows_lines, byte_order_mark, utf16, latin1, nul)
# Bytes of a pickle are not touched but by cutting: it is a program.
PICKLE = (cut, append, page)
IMAGE = (cut, zero, drop, append, page)
TENSORS = (cut, append, page)  # whose numbers have no checksum
CODED = (windows_lines, byte_order_mark, utf16)


def operations(form: str) -> tuple[Callable, ...]:
    """What may happen to the bytes of a file of a form."""
    if form in ('pickle', 'checkpoint', 'candidates'):
        return PICKLE
    if form in ('json', 'lines', 'jsonl'):
        return LINES
    return dict(image=IMAGE, safetensors=TENSORS).get(form, BYTES)


def draw_damage(data: bytes,
                form: str,
                rng: np.random.Generator,
                cut_is_seen: bool = False) -> Damage:
    """Damage a file in one way.

    Args:
        data: The whole file.
        form: A name of :data:`FORMS`, ``'lines'``, ``'bytes'`` or ``'image'``.
        rng: Chooses how and where.
        cut_is_seen: Whether the file tells its end, so that a reader can know
            that it is cut.
    """
    found: Damage | None = None
    while found is None or found.data == data:
        if form in FORMS and rng.random() < 0.6:
            load, dump = FORMS[form]
            name, tree, strict = damage_tree(load(data), rng)
            # numbers that do not fit the cache are brought into its range
            found = Damage(name, dump(tree), strict and form != 'candidates')
        else:
            choice = operations(form)
            operation = choice[int(rng.integers(len(choice)))]
            strict = operation in CODED or operation is page or (
                operation is cut and cut_is_seen)
            found = Damage(operation.__name__, operation(data, rng), strict)
    return found
