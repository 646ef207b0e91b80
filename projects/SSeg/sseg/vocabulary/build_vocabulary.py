from __future__ import annotations
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .benchmark_names import BENCHMARKS, dataset_vocabulary
from .vocabulary import Vocabulary


def build_vocabulary(classes: Vocabulary | dict | str | os.PathLike
                     | Sequence[str],
                     templates: str | Sequence[str] = 'simple',
                     synonyms: str = 'mean') -> Vocabulary:
    """Build a vocabulary of what a config or a user says.

    Args:
        classes: One of

            - arguments of :class:`Vocabulary`, of which ``dataset='voc21'``,
              and for some ``classes_file``, stand for the classes, prompt
              names and background of a benchmark; see
              :func:`dataset_vocabulary`;
            - a list of names;
            - ``'cat,dog,grass'``, or a file with one name per line, see
              :meth:`Vocabulary.parse`; or a ``classes.txt`` with ids;
            - the name of a benchmark, such as ``'voc21'``;
            - a vocabulary.
        templates: See :class:`Vocabulary`; where ``classes`` has none.
        synonyms: See :class:`Vocabulary`; where ``classes`` does not say.
    """
    options: dict[str, Any] = dict(templates=templates, synonyms=synonyms)
    if isinstance(classes, Vocabulary):
        return classes
    if isinstance(classes, dict):
        config = {**options, **classes}
        if 'dataset' in config:
            known = dataset_vocabulary(
                config.pop('dataset'), config.pop('classes_file', None))
            config = {**known, **config}
        return Vocabulary(**config)
    if not isinstance(classes, (str, os.PathLike)):
        return Vocabulary(classes, **options)
    if os.path.isfile(classes):
        if _has_ids(Path(classes)):
            known = dataset_vocabulary('own', classes)
            return Vocabulary(**known, **options)
    elif classes in BENCHMARKS:
        return Vocabulary(**dataset_vocabulary(classes), **options)
    return Vocabulary.parse(classes, **options)


def _has_ids(path: Path) -> bool:
    """Whether every line begins with a number, as in a ``classes.txt``."""
    lines = path.read_text(encoding='utf-8-sig', errors='replace').splitlines()
    lines = [line for line in lines if line.strip()]
    return bool(lines) and all(
        re.match(r'\s*\d+\s+\S', line) for line in lines)
