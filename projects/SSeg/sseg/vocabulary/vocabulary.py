from __future__ import annotations
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.logging import print_log

from .class_file import check_distinct, spoken_name
from .class_lines import BACKGROUND, is_name, read_class_lines
from .templates import get_templates

SYNONYMS = ('mean', 'max')
_FILE = re.compile(r'\.(txt|csv|tsv|json|ya?ml|names|lst)$', re.IGNORECASE)


@dataclass(frozen=True)
class Vocabulary:
    """The classes that an image is divided into.

    Args:
        classes (Sequence[str]): Names of the classes in the order of their
            ids, without the background.
        prompt_names (Sequence[str | Sequence[str]], optional): What is put
            into the templates instead of each class's name: a name or several
            synonyms. Defaults to ``classes``, with blanks for underscores.
        templates (str | Sequence[str]): 'simple', 'subset' or 'full', see
            :func:`get_templates`, or own sentences with ``{}`` for the name.
        background (bool): Whether id 0 is what belongs to no class, and the
            classes begin with 1.
        synonyms (str): What a region is compared with: the 'mean' of the
            features of a class's names, as in GroupViT, or each of them, of
            which the most similar one counts ('max'), as in SCLIP.

    Raises:
        ValueError: There is no class, one has no name, two have the same, one
            is called background where there is one already, or the other
            arguments do not fit.
    """

    classes: Sequence[str]
    # None until the classes are known: whoever reads it gets names
    prompt_names: Sequence[Sequence[str]] = None  # type: ignore[assignment]
    templates: Sequence[str] | str = 'simple'
    background: bool = False
    synonyms: str = 'mean'

    def __post_init__(self) -> None:
        if self.synonyms not in SYNONYMS:
            raise ValueError(f'synonyms must be one of {SYNONYMS}, got '
                             f'{self.synonyms!r}')
        classes = _checked_names(self.classes)
        if self.background and BACKGROUND in map(str.casefold, classes):
            raise ValueError(
                f'there is a class {BACKGROUND!r} besides the background, '
                'which is what belongs to no class: leave the class out, or '
                'do without background and its threshold')
        if self.prompt_names is None:
            prompt_names = tuple((spoken_name(name), ) for name in classes)
        else:
            prompt_names = tuple(
                _synonyms(names) for names in self.prompt_names)
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
              background: bool = False,
              synonyms: str = 'mean') -> Vocabulary:
        """Read classes as a user gives them.

        Args:
            text: ``'cat,dog,grass'``, or the path of a UTF-8 file with one
                class per line, see :func:`read_class_lines`; what was
                understood of it is logged. Behind a class's name its synonyms
                may follow, separated by ``;``: ``'sofa; couch; settee'``.
            templates: See :class:`Vocabulary`.
            background: See :class:`Vocabulary`. A file whose first class is
                the background by its words has no other one.
            synonyms: See :class:`Vocabulary`.

        Raises:
            FileNotFoundError: ``text`` looks like the path of a file that
                does not exist: it has a slash and no comma, or ends as such
                files do, in .txt or .csv for example.
            ValueError: See :class:`Vocabulary` and :func:`read_class_lines`.
        """
        spec = os.fspath(text)
        if os.path.isfile(spec):
            classes, names, alone, understood = read_class_lines(spec)
            print_log(understood, logger='current')
            by_words = classes[0].casefold() == BACKGROUND
            background = alone or (background and not by_words)
        elif os.sep in spec and ',' not in spec or _FILE.search(spec):
            raise FileNotFoundError(f'classes file {spec} does not exist')
        else:
            rows = spec.split(',') if spec.strip() else []
            names = [row.split(';') for row in rows]
            classes = [row[0] for row in names]
            wrong = [n for row in names for n in row if not is_name(n)]
            if wrong:
                raise ValueError(
                    f'{wrong[0]!r} is not the name of a class: write names '
                    'without quotes and brackets, as in cat,dog,grass')
        try:
            return cls(
                classes=classes,
                prompt_names=[list(map(spoken_name, row)) for row in names],
                templates=templates,
                background=background,
                synonyms=synonyms)
        except ValueError as error:
            if not os.path.isfile(spec):
                raise
            raise ValueError(f'{spec}: {error}') from None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names by id, with the background where there is one."""
        background = (BACKGROUND, ) if self.background else ()
        return (*background, *self.classes)

    @property
    def embedded(self) -> tuple:
        """All that the features of the names depend on."""
        return self.prompt_names, self.templates, self.synonyms

    def owners(self) -> list[int]:
        """The class that each feature belongs to: one of every class, or of
        every name with ``synonyms='max'``."""
        if self.synonyms == 'mean':
            return list(range(len(self.classes)))
        return [i for i, row in enumerate(self.prompt_names) for _ in row]

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
    names = tuple(_checked_name(name) for name in names)
    check_distinct(names)
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
