"""Reads a damaged file and says what came of it."""
from __future__ import annotations
import contextlib
import gc
import io
import json
import logging
import os
import re
import shutil
import signal
import threading
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scan_data import CONVERTERS

from .damage import draw_damage

try:
    import resource
except ImportError:  # Windows
    resource = None

CLEAR = 'clear error'
READ = 'read'
INTERNAL = 'internal error'
NAMELESS = 'error without the file'
WRONG = 'wrong result'
TIMEOUT = 'timeout'
OUTCOMES = (CLEAR, READ, INTERNAL, NAMELESS, WRONG, TIMEOUT)
GOOD = (CLEAR, READ)

SECONDS = 10.
MEMORY = 1 << 29  # that reading a file of some kB may take at once
# Errors that a reader raises on purpose. Kinds of ValueError that Python's
# own functions raise are not among them.
_OURS = (ValueError, OSError, RuntimeError, ImportError)
_NOT_OURS = re.compile(
    r'(^|: )(Key|Type|Attribute|Index|Overflow|ZeroDivision|Assertion|Memory|'
    r'Recursion|UnicodeDecode|JSONDecode)Error: ')
_THEIRS = (UnicodeError, json.JSONDecodeError, RecursionError,
           NotImplementedError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: For the table.
        form: How its bytes are damaged, see :func:`draw_damage`.
        make: Writes a valid data set into a folder.
        file: Which of its files is damaged.
        read: Reads the folder through the public reader; gives something that
            :func:`same` compares.
        check: Says what is impossible in a result, or nothing.
        names: What an error may call the file besides its own name.
        cut_is_seen: Whether the file tells its end.
        exact: Whether the file has checksums, so that a reader that takes it
            must give what was written.
        lenient: Whether what is malformed is left out, with a word in the log,
            as lists of millions of pairs ask for.
        slow: Whether a case takes more than a few hundredths of a second.
    """
    name: str
    form: str
    make: Callable[[Path], None]
    file: str
    read: Callable[[Path], Any]
    check: Callable[[Any], str | None] = lambda result: None
    names: tuple[str, ...] = ()
    cut_is_seen: bool = True
    exact: bool = False
    lenient: bool = False
    slow: bool = False


class Result(NamedTuple):
    """What came of one case: the outcome, what was done, and the reason."""
    kind: str
    case: int
    damage: str
    outcome: str
    reason: str = ''


class TimeLimit(BaseException):
    """A reader takes too long; no ``except Exception`` stops it."""


class Bench:
    """Runs the cases of one kind.

    Args:
        kind: Of file.
        folder: Empty folder to work in.
        seed: Of all cases.
    """

    def __init__(self, kind: Kind, folder: Path, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed
        self.valid = folder / 'valid'
        self.work = folder / 'work'
        self.valid.mkdir(parents=True)
        with _quiet():
            kind.make(self.valid)
            self.data = (self.valid / kind.file).read_bytes()
            self.expected = self._read(self.data)
            fault = kind.check(self.expected)
        # MMEngine's data sets collect garbage, among all that is imported.
        gc.freeze()
        if fault or not same(self.expected, self._read(self.data)):
            raise AssertionError(f'{kind.name}, undamaged: {fault}')

    def run(self, case: int) -> Result:
        """Damage the file, read it, judge."""
        rng = np.random.default_rng(
            [self.seed, zlib.crc32(self.kind.name.encode()), case])
        damage = draw_damage(self.data, self.kind.form, rng,
                             self.kind.cut_is_seen)
        outcome, reason = self._judge(damage)
        return Result(self.kind.name, case, damage.name, outcome, reason)

    def _read(self, data: bytes) -> Any:
        if self.work.exists():
            shutil.rmtree(self.work)
        shutil.copytree(self.valid, self.work)
        (self.work / self.kind.file).write_bytes(data)
        return self.kind.read(self.work)

    def _judge(self, damage) -> tuple[str, str]:
        try:
            with _quiet(), _limits():
                found = self._read(damage.data)
        except TimeLimit:
            return TIMEOUT, f'longer than {SECONDS:g} s'
        except Exception as error:  # all that a reader may raise is judged
            return self._judge_error(error)
        except BaseException as error:  # no Exception: a panic of Rust code
            if type(error).__name__ != 'PanicException':
                raise
            return INTERNAL, ' '.join(f'PanicException: {error}'.split())[:300]
        if same(found, self.expected):
            return READ, ''
        if self.kind.exact or (damage.strict and not self.kind.lenient):
            text = ' '.join(str(found).split())
            return WRONG, f'{text[:200]} is read from it'
        fault = self.kind.check(found)
        return (WRONG, fault) if fault else (READ, 'something else')

    def _judge_error(self, error: Exception) -> tuple[str, str]:
        text = ' '.join(f'{type(error).__name__}: {error}'.split())
        if isinstance(error, _THEIRS) or not (isinstance(
                error, _OURS) or _is_made_here(error)) or (_NOT_OURS.search(
                    str(error))):
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f'{Path(place.filename).name}:{place.lineno}'
            return INTERNAL, f'{text[:300]} ({where})'
        names = Path(self.kind.file).name, *self.kind.names
        if not any(name in str(error) for name in names):
            return NAMELESS, text[:300]
        return CLEAR, text


def _is_made_here(error: Exception) -> bool:
    """Whether it is an error of this project or of one of its tools."""
    module = type(error).__module__
    return module.startswith('mmlangseg') or (CONVERTERS /
                                              f'{module}.py').is_file()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), \
                contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Bound the time and, on Linux, the memory that reading may take."""

    def stop(number, frame):
        raise TimeLimit

    statm = Path('/proc/self/statm')
    guarded = resource is not None and statm.exists()
    if guarded:
        soft, hard = old = resource.getrlimit(resource.RLIMIT_AS)
        used = int(statm.read_text().split()[0]) * os.sysconf('SC_PAGE_SIZE')
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    main = threading.current_thread() is threading.main_thread()
    if main:
        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        if main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        if guarded:
            resource.setrlimit(resource.RLIMIT_AS, old)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal, NaN equal to itself."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bool(
            torch.equal(a.nan_to_num(12345.), b.nan_to_num(12345.)))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and (
            a.tobytes() == b.tobytes()
            or np.array_equal(a, b, equal_nan=a.dtype.kind in 'fc'))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def table(results: list[Result]) -> str:
    """Counts per kind of file, as Markdown."""
    counts: dict[str, Counter] = {}
    for result in results:
        counts.setdefault(result.kind, Counter())[result.outcome] += 1
    counts['all'] = sum(counts.values(), Counter())
    lines = [
        '| kind of file | ' + ' | '.join(OUTCOMES) + ' |',
        '|---|' + '---|' * len(OUTCOMES)
    ]
    for name, count in counts.items():
        cells = ' | '.join(str(count[outcome]) for outcome in OUTCOMES)
        lines.append(f'| {name} | {cells} |')
    return '\n'.join(lines)
