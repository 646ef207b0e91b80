r"""Make a classes.txt from the names of classes as others keep them.

Examples:
    python tools/dataset_converters/class_names.py ade847.json \
        data/ADE20K_2021_17_01/classes.txt --synonyms-behind ,
    python tools/dataset_converters/class_names.py labels.txt \
        data/VOCdevkit/VOC2010/pc459_classes.txt

Read are a JSON list of names in the order of the ids, a JSON object of id to
name, and text with a name in each line, as it is or as ``1: name``.
"""
from __future__ import annotations
import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='JSON or text with names')
    parser.add_argument('out', type=Path, help='classes.txt to write')
    parser.add_argument(
        '--synonyms-behind',
        default='',
        metavar='MARK',
        help='what parts a name from its synonyms, such as a comma; by '
        'default names are whole')
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.io.files import read_text
from mmlangseg.sseg.vocabulary import ClassNames, write_class_names

_NUMBERED = re.compile(r'\s*(\d{1,9})\s*:\s*(.*\S)\s*')


def read_names(path: Path) -> list[str]:
    """Read the names of classes in the order of their ids.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It has no names, or ids that do not follow each
            other.
    """
    if path.suffix.lower() == '.json':
        content = load_json(path)
    else:
        lines = [line for line in read_text(path).splitlines() if line.strip()]
        numbered = [_NUMBERED.fullmatch(line) for line in lines]
        content = {m[1]: m[2] for m in numbered if m} \
            if lines and all(numbered) else [line.strip() for line in lines]
        if len(content) != len(lines):
            raise AnnotationError(f'{path}: an id stands twice')
    names = _in_order(path, content) if isinstance(content, dict) else content
    if not isinstance(names, list) or not names or not all(
            isinstance(name, str) and name.strip() for name in names):
        raise AnnotationError(f'{path} is not a list of names of classes, nor '
                              'ids with their names')
    return names


def _in_order(path: Path, content: dict[Any, Any]) -> list:
    try:
        ids = sorted((int(key), key) for key in content)
    except ValueError:
        raise AnnotationError(f'{path}: the keys are not numbers') from None
    if [i for i, _ in ids] != [ids[0][0] + k for k in range(len(ids))]:
        raise AnnotationError(f'{path}: the ids do not follow each other')
    return [content[key] for _, key in ids]


def split_synonyms(names: Sequence[str], mark: str) -> list[tuple[str, ...]]:
    """Part names from their synonyms, so that the first names differ.

    Where two classes have the same first name, a synonym that no class is
    called comes first.

    Args:
        names: ``'wall'``, ``'building, edifice'``.
        mark: What stands between synonyms; '' if there are none.
    """
    rows = [
        list(
            dict.fromkeys(part.strip()
                          for part in (name.split(mark) if mark else [name])
                          if part.strip())) for name in names
    ]
    taken: set[str] = set()
    for row in rows:
        row.sort(key=lambda name: name.casefold() in taken)  # stable
        taken.add(row[0].casefold())
    return [tuple(row) for row in rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    try:
        names = split_synonyms(read_names(args.source), args.synonyms_behind)
        write_class_names(args.out, ClassNames(tuple(names), False))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'wrote {args.out}: {len(names)} classes, first '
          f'{"; ".join(names[0])}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
