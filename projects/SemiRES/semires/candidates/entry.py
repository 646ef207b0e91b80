"""The file of one image in a candidate cache.

Little-endian: a head of 24 bytes (magic ``MMLC``, height, width and number N
of masks as uint32, image id as int64), then one zlib stream of areas (uint32
N), boxes (uint16 N x 4: x, y, width, height), scores (float32 N), lengths of
the run-length codes (uint32 N) and the N COCO-compressed codes themselves.
"""
from __future__ import annotations
import struct
import zlib

import numpy as np

from .candidates import Candidates

MAGIC = b'MMLC'
_HEAD = struct.Struct('<4sIIIq')
_ARRAYS = (('areas', '<u4', 1), ('boxes', '<u2', 4), ('scores', '<f4', 1),
           ('lengths', '<u4', 1))
_MAX_RATIO = 1032  # of deflate
_BYTES_PER_MASK = sum(np.dtype(kind).itemsize * n for _, kind, n in _ARRAYS)


class EntryError(ValueError):
    """The bytes are not an entry; the message says which part of them."""


def pack_entry(img_id: int, candidates: Candidates) -> bytes:
    """Code the candidates of an image."""
    counts = [rle['counts'] for rle in candidates.rles]
    values = dict(
        areas=candidates.areas,
        boxes=candidates.boxes,
        scores=candidates.scores,
        lengths=np.array([len(c) for c in counts], np.int64))
    body = [values[name].astype(kind).tobytes() for name, kind, _ in _ARRAYS]
    head = _HEAD.pack(MAGIC, *candidates.size, len(counts), img_id)
    return head + zlib.compress(b''.join(body + counts), 9)


def unpack_entry(data: bytes, img_id: int, size: tuple[int,
                                                       int]) -> Candidates:
    """Read what :func:`pack_entry` wrote.

    The codes are checked and areas and boxes are compared with them; nothing
    takes more memory than so many bytes of zlib can give.

    Args:
        data: The file.
        img_id: The image whose entry it must be.
        size: Height and width that the masks must have.

    Raises:
        EntryError: The bytes are damaged, or of another image.
    """
    if data[:len(MAGIC)] != MAGIC or len(data) < _HEAD.size:
        raise EntryError(f'field "magic": it does not start with {MAGIC!r}')
    _, height, width, number, found_id = _HEAD.unpack_from(data)
    if found_id != img_id:
        raise EntryError(f'field "image id": it is {found_id}')
    if (height, width) != size:
        raise EntryError(f'field "size": it is {(height, width)}, that of the '
                         f'cache {size}')
    arrays, codes = _inflate(data[_HEAD.size:], number)
    rles = [dict(size=[height, width], counts=code) for code in codes]
    try:
        found = Candidates.from_rles(rles, size, arrays['scores'])
    except ValueError as error:
        raise EntryError(f'field "masks": {error}') from error
    boxes = arrays['boxes'].reshape(number, 4)
    for name, saved, true in (('areas', arrays['areas'], found.areas),
                              ('boxes', boxes, found.boxes)):
        if not np.array_equal(saved, true):
            wrong = (saved != true).reshape(number, -1).any(1).argmax()
            raise EntryError(f'field "{name}": mask {wrong} has '
                             f'{true[wrong].tolist()}, not '
                             f'{saved[wrong].tolist()}')
    return found


def _inflate(data: bytes, number: int) -> tuple[dict, list[bytes]]:
    """The arrays by name, and the codes of the masks."""
    most = _MAX_RATIO * len(data)
    stream, start = zlib.decompressobj(), number * _BYTES_PER_MASK
    try:  # zlib's checksum finds damage
        if start <= most:
            body = stream.decompress(data, max(1, start))
        if start > most or stream.eof and len(body) < start:
            raise EntryError(f'field "N": {number} masks do not fit')
        if len(body) < start:
            raise EntryError('field "masks": they are cut off')
        arrays, place = {}, 0
        for name, kind, columns in _ARRAYS:
            array = np.frombuffer(body, kind, number * columns, place)
            arrays[name], place = array, place + array.nbytes
        ends = arrays['lengths'].cumsum(dtype=np.int64).tolist()
        total = ends[-1] if ends else 0
        body = body[start:]
        if total <= most:
            body += stream.decompress(stream.unconsumed_tail, total + 1)
    except zlib.error as error:
        raise EntryError(f'field "masks": {error}') from error
    if len(body) != total and (stream.eof or len(body) > total
                               or total > most):
        raise EntryError('field "lengths": it does not match the masks')
    if not stream.eof:
        raise EntryError('field "masks": they are cut off')
    if stream.unused_data:
        raise EntryError('field "masks": more bytes follow them')
    return arrays, [body[a:b] for a, b in zip([0, *ends], ends)]
