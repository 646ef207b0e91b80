"""The members of a tar, from its headers alone."""
from __future__ import annotations
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from mmlangseg.io.files import PathLike, resolve_inside

BLOCK = tarfile.BLOCKSIZE  # 512; headers and payloads begin at multiples
# Extension headers hold names; anything longer is damage or an attack.
_MAX_EXTENSION = 1 << 20
_MAX_TAIL = 1 << 20  # more than any padding behind the end mark
_PAX_RECORD = re.compile(rb'(\d{1,9}) ([^=\n]+)=')
_COMPRESSED = {
    b'\x1f\x8b': 'gzip',
    b'BZh': 'bzip2',
    b'\xfd7zXZ': 'xz',
    b'\x28\xb5\x2f\xfd': 'zstd'
}
_REFUSED = {
    tarfile.LNKTYPE: 'link',
    tarfile.SYMTYPE: 'link',
    tarfile.CHRTYPE: 'device',
    tarfile.BLKTYPE: 'device',
    tarfile.FIFOTYPE: 'device'
}


class TarMember(NamedTuple):
    """A regular file in a tar.

    Attributes:
        name (str): Its path, which is relative and does not climb up.
        offset (int): First byte of its content in the tar.
        size (int): Number of bytes of its content.
    """

    name: str
    offset: int
    size: int


@dataclass
class TarFaults:
    """What is wrong with a tar.

    Attributes:
        refused (Counter): Number of members by reason: ``'path'`` (absolute,
            or with ``..``), ``'link'``, ``'device'``, ``'type'`` (unknown).
        first_refused (str): Name of one of them.
        damage (str): Why reading stopped before the end, or empty.
    """

    refused: Counter = field(default_factory=Counter)
    first_refused: str = ''
    damage: str = ''


def scan_tar(path: PathLike, faults: TarFaults) -> Iterator[TarMember]:
    """List the regular files of a tar without reading their contents.

    Understands ustar, GNU long names and pax headers. Nothing in the file is
    trusted: sizes must fit into the file, names must stay inside. Where the
    tar is damaged or cut off, the list ends with what is whole.

    Args:
        path: The tar, not compressed.
        faults: Is filled in on the way.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is compressed, so that nothing in it can be found
            without reading all of it.
    """
    with open(path, 'rb') as file:
        file_size = os.fstat(file.fileno()).st_size
        position, pax = 0, {}
        while True:
            header = min(position, file_size)  # the padding may be cut off
            file.seek(header)
            block = file.read(BLOCK)
            if len(block) == BLOCK and not block.strip(b'\0'):
                faults.damage = _look_behind(file, file_size)
                return
            try:
                info = _parse_header(block)
                start = header + BLOCK
                position, extension = _skip_payload(info, start, file_size)
                if extension:
                    file.seek(start)
                    pax.update(_read_extension(info, file))
                    continue
                name, size = pax.get('path', info.name), info.size
                if 'size' in pax:
                    size = _pax_size(pax['size'])
                    position = _padded_end(name, start, size, file_size)
                if any(key.startswith('GNU.sparse') for key in pax):
                    raise _Damage(f'{name!r} is a sparse file')
            except _Damage as error:
                if header == 0:
                    _refuse_compressed(path, block)
                faults.damage = f'at byte {header}: {error}'
                return
            pax = {}
            if info.isdir():
                continue
            reason = _REFUSED.get(info.type) or _refuse_name(info, name)
            if reason:
                faults.first_refused = faults.first_refused or name
                faults.refused[reason] += 1
            else:
                yield TarMember(name, start, size)


def _look_behind(file: BinaryIO, file_size: int) -> str:
    """What is wrong behind the end mark, where padding may follow."""
    position = file.tell()
    tail = file_size - position
    if tail <= _MAX_TAIL and not file.read().strip(b'\0'):
        return ''
    return (f'at byte {position}: {tail} bytes behind the end mark were not '
            'read (several tars in one file? Unpack them with "tar '
            '--ignore-zeros", and pack them again)')


class _Damage(Exception):
    """Reading cannot go on."""


def _parse_header(block: bytes) -> tarfile.TarInfo:
    if not block:
        raise _Damage('the file ends here without an end mark')
    if len(block) < BLOCK:
        raise _Damage('the file ends within a header')
    try:
        return tarfile.TarInfo.frombuf(block, 'utf-8', 'surrogateescape')
    except tarfile.HeaderError as error:
        raise _Damage(f'there is no header of a tar ({error})') from None


def _refuse_name(info: tarfile.TarInfo, name: str) -> str:
    if not info.isreg():
        return 'type'
    try:
        resolve_inside('', name)
    except ValueError:
        return 'path'
    return ''


def _padded_end(name: str, start: int, size: int, file_size: int) -> int:
    """Where the next header begins."""
    if size < 0:
        raise _Damage(f'{name!r} has the size {size}')
    if start + size > file_size:
        raise _Damage(f'{name!r} of {size} bytes is cut off, the file has '
                      f'only {file_size} bytes')
    return start + -(-size // BLOCK) * BLOCK


def _skip_payload(info: tarfile.TarInfo, start: int,
                  file_size: int) -> tuple[int, bool]:
    """Next header, and whether this one describes the member behind it."""
    if info.type == tarfile.GNUTYPE_SPARSE:
        raise _Damage(f'{info.name!r} is a sparse file')
    if info.type in _REFUSED or info.isdir():
        return start, False  # their size does not count
    end = _padded_end(info.name, start, info.size, file_size)
    extension = info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE,
                              tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME,
                              tarfile.GNUTYPE_LONGLINK)
    if extension and info.size > _MAX_EXTENSION:
        raise _Damage(f'an extension header has {info.size} bytes')
    return end, extension


def _read_extension(info: tarfile.TarInfo, file: BinaryIO) -> dict[str, str]:
    """What an extension header says about the next member."""
    if info.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
        return {}
    data = file.read(info.size)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return dict(path=_text(data.split(b'\0', 1)[0]))
    records, position = {}, 0
    while match := _PAX_RECORD.match(data, position):
        end = match.start() + int(match[1])
        if end <= match.end():
            raise _Damage('a pax header is malformed')
        records[_text(match[2])] = _text(data[match.end():end - 1])
        position = end
    return records


def _pax_size(value: str) -> int:
    if not re.fullmatch('[0-9]{1,18}', value):
        raise _Damage(f'a pax header says "size={value:.40}"')
    return int(value)


def _text(data: bytes) -> str:
    return data.decode('utf-8', 'surrogateescape')


def _refuse_compressed(path: PathLike, block: bytes) -> None:
    for magic, name in _COMPRESSED.items():
        if block.startswith(magic):
            raise ValueError(f'{os.fspath(path)} is compressed with {name}. '
                             'Unpack it to a plain .tar: single members '
                             'cannot be read from it')
