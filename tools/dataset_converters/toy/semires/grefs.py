"""The toy set in the form of gRefCOCO: sentences may mean nothing."""
from __future__ import annotations
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from mmlangseg.io.files import load_pickle_restricted, write_json
from . import refer_files
from .clutter import COLORS, KINDS, Scene, iter_scenes
from .clutter_sentences import Reference, say

DATASET = 'grefcoco_toy'
PER_PICTURE = 3  # sentences that mean nothing, each an entry
_PURPOSE = 7  # of the generators, which no other part of the set has


def write_grefs(root: Path, num_train: int, num_val: int, size: int,
                seed: int) -> None:
    """Write the sentences of the toy set, and some that mean nothing.

    They name a kind and a color of objects that are in the picture, but not
    together, or one that is not in it. The annotations of the objects are
    copied from the set in the form of RefCOCO, which has to be there.

    Args:
        root: Folder of the toy set.
        num_train: Pictures of the split train.
        num_val: Pictures of each other split.
        size: Side of the pictures in pixels.
        seed: Seed of the set.
    """
    source, folder = root / refer_files.DATASET, root / DATASET
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'instances.json').write_bytes(
        (source / 'instances.json').read_bytes())
    name = refer_files.SPLIT_BY
    rows = [
        dict(
            ref,
            ann_id=[ref['ann_id']],
            category_id=[ref['category_id']],
            no_target=False)
        for ref in load_pickle_restricted(source / f'refs({name}).p')
    ]
    sent_id = 1 + rows[-1]['sent_ids'][-1]
    for image_id, split, scene, rng in iter_scenes(num_train, num_val, size,
                                                   seed, _PURPOSE):
        for text, group in _absent(scene, rng):
            sentence = dict(
                raw=text,
                sent=text,
                sent_id=sent_id,
                tokens=text.split(),
                groups=[group])
            rows.append(
                dict(
                    ref_id=len(rows),
                    ann_id=[-1],
                    category_id=[-1],
                    no_target=True,
                    image_id=image_id,
                    split=split,
                    file_name=f'COCO_train2014_{image_id:012d}.jpg',
                    sent_ids=[sent_id],
                    sentences=[sentence]))
            sent_id += 1
    write_json(folder / f'grefs({name}).json', rows)


def _absent(scene: Scene,
            rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Sentences that no object of a picture fits, and their groups."""
    claims = [
        Reference(kind, color)
        for kind, color in product((None, *KINDS), (None, *COLORS))
        if (kind or color) and not Reference(kind, color).fits(scene).any()
    ]
    for index in rng.choice(len(claims), PER_PICTURE, replace=False):
        yield say(claims[index], rng), 'no_target'
