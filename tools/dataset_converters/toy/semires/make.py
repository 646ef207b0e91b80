"""The toy set of SemiRES: pictures in REFER format with mask candidates.

Called by ``make_toy.py semires``; makes the labelled and unlabelled lists of
images as on real data.
"""
from __future__ import annotations
from pathlib import Path

import refcoco_split

from mmlangseg.cli.progress import Progress
from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.text import write_vocabulary
from mmlangseg.version import __version__
from ..text_model import write_text_model
from . import clutter_candidates, grefs, refer_files

PERCENTAGES = (1, 5, 10)
SPLIT_SEEDS = (0, 1, 2)


def make(root: Path, num_train: int, num_val: int, size: int,
         seed: int) -> int:
    """Make the toy set of SemiRES; returns the exit status."""
    print(f'writing {num_train} + 2 x {num_val} pictures to {root}')
    refer_files.write_toy_refer(root, num_train, num_val, size, seed)
    grefs.write_grefs(root, num_train, num_val, size, seed)
    print('writing their mask candidates')
    write_candidates(root / 'candidates', num_train, num_val, size, seed)

    status = write_splits(root / refer_files.DATASET, num_train)
    if status:
        return status

    texts = refer_files.read_train_texts(root)
    write_vocabulary(root / refer_files.DATASET / 'train.words.txt', texts)
    write_text_model(root / 'text_model', texts, seed=seed)
    print(f'\nwrote {root / "text_model"}')
    return 0


def write_splits(folder: Path, num_train: int) -> int:
    """Write the lists of labelled and unlabelled images.

    Percentages that are less than one of the images are left out.
    """
    percentages = [p for p in PERCENTAGES if p * num_train >= 100]
    if not percentages:
        print('too few pictures for lists of labelled ones')
        return 0
    arguments = [
        str(folder), '--percent', *map(str, percentages), '--seeds',
        *map(str, SPLIT_SEEDS)
    ]
    print('\n$ python tools/dataset_converters/refcoco_split.py', *arguments)
    return refcoco_split.main(arguments)


def write_candidates(folder: Path, num_train: int, num_val: int, size: int,
                     seed: int) -> None:
    """Write the candidates of all pictures into a cache."""
    parameters = dict(
        num_train=num_train, num_val=num_val, seed=seed, version=__version__)
    cache = CandidateCache.create(
        folder,
        dict(
            dataset=refer_files.DATASET,
            size=[size, size],
            resize='center',  # drawn at this size
            generator=dict(name='toy', parameters=parameters)))
    progress = Progress('candidates', num_train + 2 * num_val, 'pictures')
    for image_id, masks, scores in clutter_candidates.iter_candidates(
            num_train, num_val, size, seed):
        cache.save(image_id, Candidates.from_masks(masks, scores=scores))
        progress.advance()
