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


def unpack_entry(data: bytes) -> tuple[int, Candidates]:
    """Read what :func:`pack_entry` wrote.

    Returns:
        tuple[int, Candidates]: Image id and candidates.

    Raises:
        EntryError: The bytes are damaged.
    """
    if data[:len(MAGIC)] != MAGIC or len(data) < _HEAD.size:
        raise EntryError(f'field "magic": it does not start with {MAGIC}')
    _, height, width, number, img_id = _HEAD.unpack_from(data)
    try:  # zlib's checksum finds damage
        body = zlib.decompress(data[_HEAD.size:])
    except zlib.error as error:
        raise EntryError(f'field "masks": {error}') from error
    if len(body) < number * _BYTES_PER_MASK:
        raise EntryError(f'field "N": {number} masks do not fit')
    arrays, start = {}, 0
    for name, kind, columns in _ARRAYS:
        array = np.frombuffer(body, kind, number * columns, start)
        arrays[name], start = array, start + array.nbytes
    ends = (start + arrays['lengths'].cumsum(dtype=np.int64)).tolist()
    if (ends[-1] if ends else start) != len(body):
        raise EntryError('field "lengths": it does not match the masks')
    rles = [
        dict(size=[height, width], counts=body[begin:end])
        for begin, end in zip([start, *ends], ends)
    ]
    areas = arrays['areas'].astype(np.int64)
    boxes = arrays['boxes'].reshape(number, 4).astype(np.float32)
    scores = arrays['scores'].astype(np.float32)
    return img_id, Candidates((height, width), rles, areas, boxes, scores)
