"""A small data set in the layout of REFER, for tests."""
from __future__ import annotations
import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = 'images/mscoco/images/train2014'
SPLITS = ['train'] * 4 + ['val', 'testA', 'testB']
WIDTH, HEIGHT = 40, 30
# Two parts of one object; they share the columns 15 to 19.
TWO_PARTS = [[5., 5., 20., 5., 20., 25., 5., 25.],
             [15., 5., 30., 5., 30., 25., 15., 25.]]


def make_ref(ref_id: int, image_id: int, split: str, **fields) -> dict:
    """An object with three sentences; annotation ``ref_id`` is meant."""
    sentences = [
        dict(
            sent_id=10 * ref_id + k,
            sent=f'object {ref_id} sentence {k} left',
            raw=f'Object {ref_id}, sentence {k}: LEFT',
            tokens=['object']) for k in range(3)
    ]
    row = dict(
        ref_id=ref_id,
        ann_id=ref_id,
        category_id=1,
        image_id=image_id,
        split=split,
        file_name=f'COCO_train2014_{image_id:012d}_{ref_id}.jpg',
        sent_ids=[s['sent_id'] for s in sentences],
        sentences=sentences)
    row.update(fields)
    return row


def make_instances(refs: list[dict]) -> dict:
    """COCO annotations; object k is a square whose side is 4 + k % 20."""
    images = sorted({ref['image_id'] for ref in refs})
    return dict(
        images=[
            dict(
                id=i,
                file_name=f'COCO_train2014_{i:012d}.jpg',
                height=HEIGHT,
                width=WIDTH) for i in images
        ],
        annotations=[
            dict(
                id=ref['ref_id'],
                image_id=ref['image_id'],
                category_id=1,
                iscrowd=0,
                area=1.,
                bbox=[0., 0., 1., 1.],
                segmentation=[square(4 + ref['ref_id'] % 20)]) for ref in refs
        ],
        categories=[dict(id=1, name='thing')])


def square(side: int, x: int = 2, y: int = 3) -> list[float]:
    """Polygon of a square, clipped to the image by who draws it."""
    return [float(v) for v in (x, y, x + side, y, x + side, y + side, x,
                               y + side)]  # yapf: disable


def write_refer(root: Path,
                refs: list[dict] | None = None,
                instances: dict | None = None,
                name: str = 'refcoco',
                split_by: str = 'unc',
                images: str = IMAGES) -> list[dict]:
    """Write a data set; by default two objects in each of seven images."""
    if refs is None:
        refs = [
            make_ref(2 * i + k, 100 + i, split)
            for i, split in enumerate(SPLITS) for k in range(2)
        ]
    instances = instances or make_instances(refs)
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / f'refs({split_by}).p').write_bytes(
        pickle.dumps(refs, protocol=2))
    write_instances(root, instances, name)
    (root / images).mkdir(parents=True, exist_ok=True)
    for image in instances['images']:
        rng = np.random.default_rng(image['id'])
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / images / image['file_name'])
    return refs


def write_instances(root: Path, content: dict, name: str = 'refcoco') -> None:
    """Write ``instances.json``."""
    (root / name / 'instances.json').write_text(json.dumps(content))
