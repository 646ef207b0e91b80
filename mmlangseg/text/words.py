from __future__ import annotations
import re
from collections.abc import Iterable
from pathlib import Path

from mmlangseg.io.files import write_text

_TOY = re.compile(r'(^|_)toy(_|$)')
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]|_")


def split_words(text: str, lower: bool = True) -> list[str]:
    """Split a sentence as ScanRefer does: lower case, marks are words."""
    return _WORD.findall(text.lower() if lower else text)


def describe_source(path: str | Path) -> str:
    """Say which tool writes a file of words that is missing.

    The tools name the file by what the sentences are of.

    Args:
        path: Of the file, as a config names it.
    """
    name, folder = Path(path).name, Path(path).parent
    if any(_TOY.search(part) for part in folder.parts):
        return (
            'tools/dataset_converters/make_toy.py writes it, with the rest '
            'of a toy set')
    if name.endswith('.words.txt') and folder.name == 'annotations':
        if name.startswith(('scanrefer_', 'nr3d_', 'sr3d_', 'multi3drefer_')):
            return ('tools/dataset_converters/scanrefer.py writes it, beside '
                    'the annotations')
        return ('tools/dataset_converters/own_scans.py MY_SCANS '
                f'{folder.parent} writes it, beside the annotations')
    if name.endswith('.words.txt'):
        return (f'tools/dataset_converters/refcoco_split.py {folder} --words '
                'writes it')
    if name == 'words.txt':
        return f'tools/sseg/caption_words.py CONFIG {path} writes it'
    return 'write one word per line, or name a GloVe text file'


def write_vocabulary(path: str | Path, sentences: Iterable[str]) -> None:
    """Write the words of sentences, one per line, in alphabetical order."""
    words = {word for text in sentences for word in split_words(text)}
    write_text(path, '\n'.join(sorted(words)) + '\n')
