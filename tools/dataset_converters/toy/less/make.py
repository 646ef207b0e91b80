"""The toy set of LESS: rooms as raw ScanNet scans with ScanRefer sentences.

Called by ``make_toy.py less``; runs the converters on them as on real data.
"""
from __future__ import annotations
from pathlib import Path

import scannet
import scanrefer

from ..text_model import write_text_model
from . import scannet_files


def make(root: Path, num_train: int, num_val: int, seed: int) -> int:
    """Make the toy set of LESS; returns the exit status."""
    print(f'writing {num_train} + {num_val} rooms to {root}')
    scannet_files.write_toy_scannet(root, num_train, num_val, seed)
    commands = [(scannet.main, [str(root)])]
    for split in ('train', 'val'):
        source = root / f'ScanRefer_filtered_{split}.json'
        commands.append((scanrefer.main, [
            str(source),
            str(root), '--split', split, '--name', 'ToyScanRefer'
        ]))
    for main, arguments in commands:
        script = f'tools/dataset_converters/{main.__module__}.py'
        print('\n$ python', script, *arguments)
        status = main(arguments)
        if status:
            return status
    sentences = scannet_files.read_sentences(root /
                                             'ScanRefer_filtered_train.json')
    write_text_model(root / 'text_model', sentences, seed=seed)
    print(f'\nwrote {root / "text_model"}')
    return 0
