"""Atomic writing, and safe reading of files that are not trusted."""
from __future__ import annotations
import io
import json
import os
import pickle
import re
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

import numpy as np

from .pickle_opcodes import check_opcodes

PathLike = Union[str, os.PathLike]

_BUILTINS: dict[tuple[str, str], Any] = {
    (module, name): value
    for module in ('builtins', '__builtin__')
    for name, value in (('set', set), ('frozenset', frozenset), ('complex',
                                                                 complex))
}
_BUILTINS['collections', 'OrderedDict'] = OrderedDict


def _bytearray(*content: Any) -> bytearray:
    """Of bytes; an integer would take that much memory."""
    if content and not isinstance(content[0], (bytes, str)):
        raise pickle.UnpicklingError('a bytearray has no content')
    return bytearray(*content)


for _module in ('builtins', '__builtin__'):
    _BUILTINS[_module, 'bytearray'] = _bytearray


def _numpy_globals() -> dict:
    """The constructors that a pickled array, scalar or dtype refers to."""
    core = ('numpy.core', 'numpy._core')  # numpy < 2 and numpy >= 2
    reconstruct = np.zeros(1).__reduce__()[0]

    def empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
        # Shape and content come later, and NumPy compares them.
        return reconstruct(np.ndarray, (0, ), b'b')

    scalar = np.float64(0).__reduce__()[0]
    frombuffer = np.zeros(1).__reduce_ex__(5)[0]  # pickle protocol 5
    # The class is only named; called it would take any amount of memory.
    names: dict[tuple[str, str], Any] = {('numpy', 'ndarray'): 'ndarray'}
    for module in core:
        names[f'{module}.multiarray', '_reconstruct'] = empty_array
        names[f'{module}.multiarray', 'scalar'] = scalar
        names[f'{module}.numeric', '_frombuffer'] = frombuffer
    # protocols below 3 write bytes as an encoded string
    names['_codecs', 'encode'] = _encode_latin1
    return names


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'codec {encoding!r} is not allowed')
    return text.encode('latin1')


_ALLOWED = {'numpy': _numpy_globals()}
_PLAIN_DTYPE = re.compile('[biufcSUO][0-9]{1,9}')


def _repair_dtype(dtype: np.dtype, plain: np.dtype) -> bool:
    """Whether a dtype's state was not that of its code; NumPy believes it."""
    plain = plain.newbyteorder(dtype.byteorder)
    same = all(
        getattr(dtype, name) == getattr(plain, name)
        for name in ('str', 'itemsize', 'alignment', 'flags', 'names',
                     'subdtype'))
    if not same:  # so that it can be deleted
        dtype.__setstate__(plain.__reduce__()[2])
    return not same


class _RestrictedUnpickler(pickle.Unpickler):

    def __init__(self, file, allow: Sequence[str]) -> None:
        super().__init__(file)
        self.names = dict(_BUILTINS)
        self.dtypes: list[tuple[np.dtype, np.dtype]] = []
        for group in allow:
            self.names.update(_ALLOWED[group])
        if 'numpy' in allow:
            self.names['numpy', 'dtype'] = self._dtype

    def _dtype(self, code: str, *_) -> np.dtype:
        """A copy, whose state is set later: never the one of NumPy."""
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f'dtype {code!r:.40} is not allowed')
        dtype = np.dtype(code, False, True)
        self.dtypes.append((dtype, np.dtype(code)))
        return dtype

    def load(self) -> Any:
        try:
            content = super().load()
        finally:
            damaged = [pair for pair in self.dtypes if _repair_dtype(*pair)]
        if damaged:
            raise pickle.UnpicklingError(
                f'the state of a dtype ({damaged[0][1]}) is damaged')
        return content

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f'it refers to {module}.{name}, which is not allowed'
            ) from None


def read_text(path: PathLike) -> str:
    """Read a UTF-8 text file, with or without a byte order mark.

    Windows programs put that mark before the text, where it would become
    part of the first word.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not UTF-8, or holds zero bytes; names it.
    """
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 text: {error}. Save it as '
                         'UTF-8, or download it again') from None
    if '\0' in text:
        raise ValueError(f'{path} is not text: it holds zero bytes. Download '
                         'it again')
    return text


def load_pickle_restricted(path: PathLike, allow: Sequence[str] = ()) -> Any:
    """Read a pickle that may hold nothing but data.

    Unlike :func:`pickle.load` this never runs code named by the file, and
    takes no memory that the size of the file does not account for.

    Args:
        path: The file.
        allow: What is accepted besides Python's own containers, numbers and
            strings: ``'numpy'`` for arrays, NumPy scalars and dtypes.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file refers to anything else, or is damaged.
    """
    _require_known(allow)
    return loads_pickle_restricted(Path(path).read_bytes(), path, allow)


def loads_pickle_restricted(data: bytes,
                            path: PathLike,
                            allow: Sequence[str] = ()) -> Any:
    """:func:`load_pickle_restricted` of bytes from a file.

    Args:
        data: The pickle.
        path: The file, for messages.
        allow: See there.

    Raises:
        ValueError: See there.
    """
    _require_known(allow)
    try:
        check_opcodes(data)
        return _RestrictedUnpickler(io.BytesIO(data), allow).load()
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(
            f'{os.fspath(path)} is not a pickle of plain data: '
            f'{str(error) or type(error).__name__}. Make the file again with '
            'the dataset converter, or download it again') from error


def _require_known(allow: Sequence[str]) -> None:
    unknown = set(allow) - set(_ALLOWED)
    if unknown:
        raise ValueError(f'allow={sorted(unknown)} is not known, choose from '
                         f'{sorted(_ALLOWED)}')


def resolve_inside(root: PathLike, name: str) -> str:
    """Join ``name`` to ``root`` and refuse names that lead out of it.

    ``name`` comes from an annotation file, so it is not trusted. The check
    is lexical: symbolic links that a user put under ``root`` are followed.

    Raises:
        ValueError: ``name`` is empty, absolute, or climbs above ``root``.
    """
    root = os.fspath(root)
    parts = name.replace('\\', '/').split('/')
    if (not name or '\0' in name or '..' in parts or os.path.isabs(name)
            or os.path.splitdrive(name)[0]):
        raise ValueError(f'{name!r} is not a path inside {root}')
    return os.path.join(root, name)


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it on success.

    Whoever reads ``path`` sees the old file or the whole new one, also when
    the writer is killed. The temporary name keeps the suffix, for writers
    that look at it. Missing folders are made.

    Example:
        >>> with atomic_path('scene.npy') as tmp:
        ...     np.save(tmp, points)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    start, end = _temporary_name(path)
    tmp = path.with_name(f'{start}{uuid.uuid4().hex}{end}')
    try:
        yield tmp
        with open(tmp, 'rb+') as file:
            os.fsync(file.fileno())
        os.replace(tmp, path)
    finally:
        tmp.unlink(missing_ok=True)


def _temporary_name(path: Path) -> tuple[str, str]:
    """What stands before and behind the 32 digits of a temporary name."""
    end = f'.tmp{path.suffix}'
    # file systems take names of 255 bytes, and `path` may have that many
    room = 255 - 2 - 32 - len(os.fsencode(end))
    stem = os.fsencode(path.stem)
    cut = path.stem if len(stem) <= room else stem[:room].decode(
        'utf-8', 'ignore')
    return f'.{cut}.', end


def stale_temporaries(path: PathLike) -> list[Path]:
    """What killed writers of ``path`` left behind.

    Only safe to delete where ``path`` has a single writer.
    """
    path = Path(path)
    # stem and suffix may hold glob characters, so no glob
    start, end = _temporary_name(path)
    if not path.parent.is_dir():
        return []
    return [
        other for other in path.parent.iterdir()
        if other.name.startswith(start) and other.name.endswith(end)
        and len(other.name) == len(start) + 32 + len(end)
    ]


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write a binary file atomically."""
    with atomic_path(path) as tmp:
        tmp.write_bytes(data)


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_path(path) as tmp:
        tmp.write_text(text, encoding='utf-8')


def write_json(path: PathLike, data: Any, indent: int | None = None) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(data, indent=indent))


def write_pickle(path: PathLike, data: Any) -> None:
    """Write a pickle atomically."""
    write_bytes(path, pickle.dumps(data, protocol=4))
