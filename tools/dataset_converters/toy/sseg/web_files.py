"""Write web-like toy pictures as tars of pairs and as an evaluation set."""
from __future__ import annotations
import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from mmlangseg.cli.progress import Progress
from mmlangseg.io.files import PathLike, atomic_path, write_bytes, write_text
from .web_captions import WRONG, describe_picture
from .web_pictures import THINGS, iter_pictures

PAIRS_PER_TAR = 1000
JPEG_QUALITY = 92


def write_toy_pairs(root: PathLike,
                    count: int,
                    size: int = 64,
                    seed: int = 0) -> list[str]:
    """Write captioned pictures as img2dataset does.

    Files ``root/toy-000000.tar`` and so on, with the members ``KEY.jpg``,
    ``KEY.txt`` and ``KEY.json`` (field ``caption``), where KEY is the number
    of the tar and of the pair in it.

    Args:
        root: Folder to write to; existing files are replaced.
        count: Number of pairs.
        size: Side of the pictures in pixels.
        seed: Seed of the set.

    Returns:
        list[str]: All captions, in order.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    pictures = list(iter_pictures('pairs', count, size, seed))
    captions = [describe_picture(*pair) for pair in pictures]
    # Some captions belong to another picture, each still to one.
    wrong = np.random.default_rng((seed, count))
    moved = np.flatnonzero(wrong.random(count) < WRONG)
    texts = list(captions)
    for place, other in zip(moved, np.roll(moved, 1)):
        texts[place] = captions[other]
    progress = Progress('pairs', count, 'pictures')
    for shard, first in enumerate(range(0, count, PAIRS_PER_TAR)):
        with atomic_path(root / f'toy-{shard:06d}.tar') as path:
            with tarfile.open(path, 'w') as tar:
                for place in range(first, min(first + PAIRS_PER_TAR, count)):
                    picture, rng = pictures[place]
                    _add_pair(tar, f'{shard:05d}{place - first:04d}',
                              picture.render(rng), texts[place])
                    progress.advance()
    return texts


def _add_pair(tar: tarfile.TarFile, key: str, image: np.ndarray,
              caption: str) -> None:
    height, width = image.shape[:2]
    record = dict(
        caption=caption, key=key, status='success', width=width, height=height)
    for suffix, data in (('jpg', _encode(image,
                                         'JPEG')), ('txt', caption.encode()),
                         ('json', json.dumps(record).encode())):
        member = tarfile.TarInfo(f'{key}.{suffix}')
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))


def write_toy_eval(root: PathLike,
                   split: str,
                   count: int,
                   size: int = 64,
                   seed: int = 0) -> None:
    """Write pictures with label maps.

    Layout under ``root``::

        images/<split>/00000.jpg
        labels/<split>/00000.png   8 bit: 0 ground, then the things in order
        classes.txt                lines "index name"

    Args:
        root: Folder to write to; existing files are replaced.
        split: ``train``, ``val`` or ``test``.
        count: Number of pictures.
        size: Side of the pictures in pixels.
        seed: Seed of the set.
    """
    root = Path(root)
    names = ['background', *THINGS]
    write_text(root / 'classes.txt',
               ''.join(f'{i} {name}\n' for i, name in enumerate(names)))
    progress = Progress(split, count, 'pictures')
    for index, (picture,
                rng) in enumerate(iter_pictures(split, count, size, seed)):
        write_bytes(root / 'images' / split / f'{index:05d}.jpg',
                    _encode(picture.render(rng), 'JPEG'))
        write_bytes(root / 'labels' / split / f'{index:05d}.png',
                    _encode(picture.label_map, 'PNG'))
        progress.advance()


def _encode(image: np.ndarray, file_format: str) -> bytes:
    buffer = io.BytesIO()
    # quality is of JPEG, and ignored by PNG
    Image.fromarray(image).save(buffer, file_format, quality=JPEG_QUALITY)
    return buffer.getvalue()
