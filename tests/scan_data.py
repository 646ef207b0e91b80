"""Small processed scans and converters, for tests."""
from __future__ import annotations
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from mmlangseg.less.scans import files as scan_files

CONVERTERS = Path(__file__).resolve().parents[1] / 'tools/dataset_converters'
NUM_POINTS = 60


def load_converter(name: str) -> ModuleType:
    """Import ``tools/dataset_converters/<name>.py`` as a script would."""
    # By name, since worker processes find its functions that way.
    if str(CONVERTERS) not in sys.path:
        sys.path.append(str(CONVERTERS))
    return importlib.import_module(name)


def make_row(scene: str, target: int, ann: int = 0, **fields) -> dict:
    """A row in ScanRefer's schema."""
    row = dict(
        scene_id=scene,
        object_id=str(target),
        object_name='chair',
        ann_id=str(ann),
        description=f'the chair number {target}, please.',
        token=['the', 'chair', 'number',
               str(target), ',', 'please', '.'])
    row.update(fields)
    return row


def write_scans(root: Path,
                num_scenes: int = 3,
                num_sentences: int = 5,
                split: str = 'train') -> list[str]:
    """Write scans with objects 0, 1, 2 and sentences about them.

    Scene ``i`` has ``num_sentences + i`` sentences.
    """
    rng = np.random.default_rng(0)
    scenes = [f'scene{i:04d}_00' for i in range(num_scenes)]
    rows = []
    for i, scene in enumerate(scenes):
        points = rng.uniform(-2, 2, (NUM_POINTS + i, 6))
        points[:, 3:] = rng.integers(0, 256, (len(points), 3))
        labels = np.arange(len(points)) % 4
        scan_files.write_scan(root, scene, points, labels)
        rows += [make_row(scene, j % 3, j) for j in range(num_sentences + i)]
    matrix = np.eye(4)
    matrix[:2, :2] = [[0, -1], [1, 0]]
    matrix[:3, 3] = 1, 2, 3
    scan_files.write_infos(root / f'infos_{split}.pkl',
                           {scene: matrix
                            for scene in scenes}, 'tiny')
    (root / f'{split}.json').write_text(json.dumps(rows))
    return scenes
