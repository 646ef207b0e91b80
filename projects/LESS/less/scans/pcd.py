"""Reading PCD files of the Point Cloud Library, version 0.7.

Open3D, which MMDetection3D brings along, reads them too, but returns what it
has of a damaged file and only prints a warning.
"""
from __future__ import annotations
import struct
from pathlib import Path

import numpy as np

KINDS = {'F': 'f', 'I': 'i', 'U': 'u'}
NUMBERS = ('F4', 'F8', 'I1', 'I2', 'I4', 'I8', 'U1', 'U2', 'U4', 'U8')


def read_pcd(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a PCD file, ascii, binary or binary_compressed.

    Args:
        path: The file.

    Returns:
        tuple: xyz (N, 3), and colors: uint8 (N, 3) from the packed field
        ``rgb`` or ``rgba``, (N, 3) from ``r g b``, or None.

    Raises:
        ValueError: The file is not a valid PCD file.
    """
    content = path.read_bytes()
    try:
        header, body = _read_header(content)
        dtype = _point_type(header)
        count = _num_points(header)
        kind = header['DATA'][0].lower()
        if kind == 'ascii':
            points = _from_ascii(body, dtype, count)
        elif kind == 'binary':
            points = np.frombuffer(body, dtype, count)
        elif kind == 'binary_compressed':
            points = _from_compressed(body, dtype, count)
        else:
            raise ValueError(f'DATA {kind} is not known')
        return _columns(points)
    except (ValueError, IndexError, struct.error, OverflowError,
            MemoryError) as error:
        raise ValueError(
            f'{path} is not a valid PCD file, or it is cut '
            f'short: {error}. Write or download it again') from error


def _read_header(content: bytes) -> tuple[dict, bytes]:
    header, start = {}, 0
    while 'DATA' not in header:
        end = content.index(b'\n', start)
        line = content[start:end].split(b'#')[0].decode('ascii').split()
        start = end + 1
        if line:
            header[line[0].upper()] = line[1:]
    for name in ('FIELDS', 'SIZE', 'TYPE', 'POINTS', 'DATA'):
        if not header.get(name):
            raise ValueError(f'its header has no {name}')
    return header, content[start:]


def _num_points(header: dict) -> int:
    count = int(header['POINTS'][0])
    if 'WIDTH' in header and 'HEIGHT' in header:
        width, height = int(header['WIDTH'][0]), int(header['HEIGHT'][0])
        if width * height != count:
            raise ValueError(f'POINTS is {count}, but WIDTH x HEIGHT is '
                             f'{width} x {height}')
    if count < 1:
        raise ValueError(f'it has {count} points')
    return count


def _point_type(header: dict) -> np.dtype:
    names = header['FIELDS']
    counts = header.get('COUNT') or ['1'] * len(names)
    fields = []
    for key, values in (('SIZE', header['SIZE']), ('TYPE', header['TYPE']),
                        ('COUNT', counts)):
        if len(values) != len(names):
            raise ValueError(f'{len(names)} FIELDS, but {len(values)} {key}')
    for i, (name, size, kind, count) in enumerate(
            zip(names, header['SIZE'], header['TYPE'], counts)):
        if kind + size not in NUMBERS:
            raise ValueError(f'numbers of TYPE {kind} and SIZE {size} are '
                             'not known')
        if int(count) < 1:
            raise ValueError(f'field {name} has COUNT {count}')
        # '_' is padding, which may occur several times
        name = f'_{i}' if name == '_' else name.lower()
        fields.append((name, f'<{KINDS[kind]}{size}', (int(count), )))
    return np.dtype(fields)


def _from_ascii(body: bytes, dtype: np.dtype, count: int) -> np.ndarray:
    rows = [line.split() for line in body.decode('ascii').splitlines() if line]
    if len(rows) < count:
        raise ValueError(f'{count} points announced, {len(rows)} found')
    columns = sum(dtype[name].shape[0] for name in dtype.names)
    for number, row in enumerate(rows[:count]):
        if len(row) != columns:
            raise ValueError(f'point {number} has {len(row)} values, not '
                             f'{columns}')
    points = np.zeros(count, dtype)
    column = 0
    for name in dtype.names:
        for k in range(dtype[name].shape[0]):
            values = [row[column] for row in rows[:count]]
            points[name][:, k] = _parse_numbers(name, values, dtype[name].base)
            column += 1
    return points


def _parse_numbers(name: str, values: list[str],
                   dtype: np.dtype) -> np.ndarray:
    if dtype.kind == 'f':
        return np.array(values, dtype)
    whole = list(map(int, values))
    limits = np.iinfo(dtype)  # NumPy takes text beyond them modulo 256
    if not limits.min <= min(whole) <= max(whole) <= limits.max:
        raise ValueError(f'{name} has numbers from {min(whole)} to '
                         f'{max(whole)}, which are not of {dtype}')
    return np.array(whole, dtype)


def _from_compressed(body: bytes, dtype: np.dtype, count: int) -> np.ndarray:
    """Fields lie one after the other there, not the points."""
    packed, unpacked = struct.unpack('<II', body[:8])
    if unpacked != count * dtype.itemsize:
        raise ValueError(f'{unpacked} bytes do not fit {count} points')
    data = decompress_lzf(body[8:8 + packed], unpacked)
    points = np.zeros(count, dtype)
    start = 0
    for name in dtype.names:
        field = dtype[name]
        size = field.itemsize * count
        values = np.frombuffer(data[start:start + size], field.base)
        points[name] = values.reshape(count, -1)
        start += size
    return points


def decompress_lzf(data: bytes, size: int) -> bytes:
    """Undo LZF compression (LibLZF's format).

    Raises:
        ValueError: The data is damaged.
    """
    out = bytearray()
    i = 0
    while i < len(data):
        control = data[i]
        i += 1
        if control < 32:  # that many bytes and one follow as they are
            out += data[i:i + control + 1]
            i += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[i]
            i += 1
        start = len(out) - ((control & 31) << 8) - data[i] - 1
        i += 1
        length += 2
        if start < 0:
            raise ValueError('compressed data refers to before its start')
        chunk = out[start:start + length]
        while len(chunk) < length:  # a repetition of what it makes itself
            chunk += chunk[:length - len(chunk)]
        out += chunk
    if len(out) != size:
        raise ValueError(f'{len(out)} bytes decompressed, {size} announced')
    return bytes(out)


def _columns(points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    missing = [name for name in 'xyz' if name not in points.dtype.names]
    if missing:
        raise ValueError(f'no field {missing[0]}, only {points.dtype.names}')
    xyz = np.concatenate([points[name] for name in 'xyz'], 1)
    for name in ('rgb', 'rgba'):
        if name in points.dtype.names:
            # four bytes b g r a, whatever number type they are declared as
            packed = np.ascontiguousarray(points[name][:, 0])
            if packed.dtype.itemsize != 4:
                raise ValueError(f'{name} has {packed.dtype.itemsize} bytes, '
                                 'not 4')
            return xyz, packed.view(np.uint8).reshape(-1, 4)[:, 2::-1]
    if all(name in points.dtype.names for name in 'rgb'):
        return xyz, np.concatenate([points[name] for name in 'rgb'], 1)
    return xyz, None
