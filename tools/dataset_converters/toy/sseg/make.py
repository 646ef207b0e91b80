"""The toy set of S-Seg: pairs in tars, and pictures with label maps.

Called by ``make_toy.py sseg``.
"""
from __future__ import annotations
from pathlib import Path

from mmlangseg.text import write_vocabulary
from ..text_model import write_text_model
from .web_files import write_toy_eval, write_toy_pairs
from .web_pictures import THINGS

TRAINING = 4  # training pictures of the evaluation set per test picture


def make(root: Path, num_train: int, num_val: int, size: int,
         seed: int) -> int:
    """Make the toy set of S-Seg; returns the exit status."""
    print(f'writing {num_train} pairs to {root / "pairs"}')
    captions = write_toy_pairs(root / 'pairs', num_train, size, seed)
    for split, count in (('train', TRAINING * num_val), ('val', num_val),
                         ('test', num_val)):
        print(f'writing {count} pictures with labels, split {split}')
        write_toy_eval(root / 'eval', split, count, size, seed)
    write_vocabulary(root / 'pairs.words.txt', captions)
    # the names of classes are among the words of the captions
    write_text_model(
        root / 'text_model', [*captions, *THINGS, 'a photo of a .'], seed=seed)
    print(f'wrote {root / "text_model"}')
    return 0
