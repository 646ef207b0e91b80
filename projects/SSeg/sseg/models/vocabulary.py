from __future__ import annotations
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from .templates import get_templates

BACKGROUND = 'background'


@dataclass(frozen=True)
class Vocabulary:
    """The classes that an image is divided into.

    Args:
        classes (Sequence[str]): Names of the classes in the order of their
            ids, without the background.
        prompt_names (Sequence[str | Sequence[str]], optional): What is put
            into the templates instead of each class's name: a name or several
            synonyms, whose features are averaged. Defaults to ``classes``.
        templates (str | Sequence[str]): 'simple', 'subset' or 'full', see
            :func:`get_templates`, or own sentences with ``{}`` for the name.
        background (bool): Whether id 0 is what belongs to no class, and the
            classes begin with 1.

    Raises:
        ValueError: There is no class, one has no name, two have the same, one
            is called background where there is one already, or the other
            arguments do not fit.
    """

    classes: tuple[str, ...]
    prompt_names: tuple[tuple[str, ...], ...] | None = None
    templates: tuple[str, ...] | str = 'simple'
    background: bool = False

    def __post_init__(self) -> None:
        classes = _checked_names(self.classes)
        if self.background and BACKGROUND in map(str.casefold, classes):
            raise ValueError(
                f'there is a class {BACKGROUND!r} besides the background, '
                'which is what belongs to no class: leave the class out, or '
                'do without background and its threshold')
        if self.prompt_names is None:
            prompt_names = tuple((name, ) for name in classes)
        else:
            prompt_names = tuple(map(_synonyms, self.prompt_names))
            if len(prompt_names) != len(classes):
                raise ValueError(
                    f'prompt_names has {len(prompt_names)} entries for '
                    f'{len(classes)} classes')
        # a frozen dataclass is filled this way
        object.__setattr__(self, 'classes', classes)
        object.__setattr__(self, 'prompt_names', prompt_names)
        object.__setattr__(self, 'templates', get_templates(self.templates))

    @classmethod
    def parse(cls,
              text: str | os.PathLike,
              templates: str | Sequence[str] = 'simple',
              background: bool = False) -> Vocabulary:
        """Read classes as a user gives them.

        Args:
            text: ``'cat,dog,grass'``, or the path of a UTF-8 file with one
                class per line. Behind a class's name its synonyms may follow,
                separated by ``;``: ``'sofa; couch; settee'``.
            templates: See :class:`Vocabulary`.
            background: See :class:`Vocabulary`.

        Raises:
            FileNotFoundError: ``text`` looks like the path of a file that
                does not exist.
            ValueError: See :class:`Vocabulary`; or the file is not text.
        """
        spec = os.fspath(text)
        if os.path.isfile(spec):
            try:
                lines = Path(spec).read_text(encoding='utf-8-sig').splitlines()
            except UnicodeDecodeError:
                raise ValueError(f'{spec} is not a UTF-8 text file with one '
                                 'class per line') from None
            rows = [line for line in lines if line.strip()]
            if not rows:
                raise ValueError(f'{spec} has no class: write one per line')
        elif os.sep in spec or spec.endswith('.txt'):
            raise FileNotFoundError(f'classes file {spec} does not exist')
        else:
            rows = spec.split(',') if spec.strip() else []
        synonyms = [row.split(';') for row in rows]
        return cls(
            classes=[names[0] for names in synonyms],
            prompt_names=synonyms,
            templates=templates,
            background=background)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names by id, with the background where there is one."""
        return (BACKGROUND, *self.classes) if self.background else self.classes

    def prompts(self, index: int) -> list[str]:
        """The sentences of one class: every synonym in every template."""
        return [
            template.replace('{}', name) for name in self.prompt_names[index]
            for template in self.templates
        ]


def _checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names without blanks around them, none empty and none twice."""
    if isinstance(names, str):
        raise ValueError(f'classes must be a list of names, not {names!r}')
    if not names:
        raise ValueError('the vocabulary is empty: give at least one class')
    names, first = tuple(_checked_name(name) for name in names), {}
    for i, name in enumerate(names):
        # text encoders do not tell capitals apart
        if name.casefold() in first:
            raise ValueError(f'the class {name!r} is given twice: as number '
                             f'{first[name.casefold()] + 1} and {i + 1}')
        first[name.casefold()] = i
    return names


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'a class has an empty name: {name!r}')
    return name.strip()


def _synonyms(names: str | Sequence[str]) -> tuple[str, ...]:
    names = (names, ) if isinstance(names, str) else tuple(names)
    if not names:
        raise ValueError('prompt_names has an entry without a name')
    return tuple(map(_checked_name, names))
