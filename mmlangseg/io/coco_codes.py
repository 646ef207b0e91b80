"""COCO's compressed run lengths: reading and checking them.

pycocotools offers no way to get at the runs, and reads or writes beyond its
memory where a code is cut off or its runs do not add up to the image. So a
code from a file is checked here before pycocotools gets it.

A code has five bits per character, low ones first, and a bit that says
whether the number goes on. A number is a run length; from the fourth on, the
difference to the run before the last one. Runs are those of the column-major
pixels and begin with background.
"""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np

_MAX_CHARACTERS = 7  # of a number: 35 bits, masks have less than 2^32 pixels
MAX_PIXELS = 2**32 - 1  # that pycocotools can count


def decode_runs(codes: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Decode many codes at a time.

    Args:
        codes: N compressed codes.

    Returns:
        tuple[np.ndarray, np.ndarray]: All R runs one after the other, int64
        (R,), and how many of them each code has, int64 (N,). Neither is
        checked against the size of an image.

    Raises:
        ValueError: A code has a wrong character or is cut off.
    """
    characters = np.frombuffer(b''.join(codes), np.uint8).astype(np.int64) - 48
    lengths = np.array([len(code) for code in codes], np.int64)
    if not ((characters >= 0) & (characters < 64)).all():
        raise ValueError('"counts" has characters that do not occur in '
                         'compressed codes')
    last = characters & 32 == 0  # of a number
    ends = lengths.cumsum()
    if not last[ends[lengths > 0] - 1].all():
        raise ValueError('"counts" is cut off')
    if not len(characters):
        return np.zeros(0, np.int64), lengths
    final = np.flatnonzero(last)
    first = np.r_[0, final[:-1] + 1]
    width = final - first + 1
    if width.max() > _MAX_CHARACTERS:
        raise ValueError('"counts" has a number that is larger than any '
                         'image')
    place = np.arange(len(characters)) - np.repeat(first, width)
    values = np.add.reduceat((characters & 31) << 5 * place, first)
    values -= (characters[final] >> 4 & 1) << 5 * width  # negative ones
    numbers = np.r_[0, last.cumsum()]
    numbers = numbers[ends] - numbers[ends - lengths]
    return _sum_differences(values, numbers), numbers


def _sum_differences(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Runs (R,) from the numbers of the codes, of which code i has (N,)."""
    code = np.repeat(np.arange(len(numbers)), numbers)
    place = np.arange(len(values)) - np.repeat(numbers.cumsum() - numbers,
                                               numbers)
    runs = values.copy()
    for parity in (0, 1):
        chain = np.flatnonzero((place % 2 == parity) & (place > 0))
        if not len(chain):
            continue
        total = values[chain].cumsum()
        starts = np.r_[True, np.diff(code[chain]) > 0]
        before = (total - values[chain])[starts]
        runs[chain] = total - np.repeat(
            before, np.diff(np.r_[np.flatnonzero(starts),
                                  len(chain)]))
    return runs


def check_codes(codes: Sequence[bytes], pixels: int) -> np.ndarray:
    """Refuse codes that are not those of a mask of so many pixels.

    Args:
        codes: N compressed codes.
        pixels: Height times width.

    Returns:
        np.ndarray: Pixels of the foreground, int64 (N,).

    Raises:
        ValueError: One is malformed, or its runs do not add up; says which.
    """
    runs, numbers = decode_runs(codes)
    wrong = _totals((runs < 0) | (runs > pixels), numbers) > 0
    wrong |= _totals(runs, numbers) != pixels
    if wrong.any():
        which = f' of mask {wrong.argmax()}' if len(codes) > 1 else ''
        raise ValueError(f'"counts"{which} does not add up to the {pixels} '
                         'pixels of the image')
    place = np.arange(len(runs)) - np.repeat(numbers.cumsum() - numbers,
                                             numbers)
    return _totals(runs * (place % 2), numbers)


def _totals(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sums over the runs of each code, int64 (N,)."""
    totals = np.r_[0, values.cumsum(dtype=np.int64)]
    ends = numbers.cumsum()
    return totals[ends] - totals[ends - numbers]
