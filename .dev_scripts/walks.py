"""Print the five walks through the code, as lists of files: from a cloud to a
mask, a sentence, from an image to a pseudo-label, a caption, a class name.

A file counts where one of its functions runs, in the order of the first calls;
what runs while modules are imported and models are built does not. Data and
checkpoints are those of the tutorials.

    python .dev_scripts/walks.py      # in a checkout, after the tutorials
"""
from __future__ import annotations
import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # PYTHONPATH names another checkout

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

import mmlangseg

CODE = Path(mmlangseg.__file__).resolve().parents[1]
SCANS = 'configs/less_own_scans.py'
IMAGES = 'configs/semires_own_images.py'
PAIRS = 'configs/sseg_own_pairs.py'


@contextmanager
def walk(title: str) -> Iterator[None]:
    """Print the files whose functions run inside."""
    names: dict[str, None] = {}
    # behind this function and the __enter__ of its context manager
    outside = sys._getframe(2)

    def note(frame, event, arg) -> None:
        name = frame.f_code.co_filename
        if event != 'call' or name in names or not name.startswith(str(CODE)):
            return
        # environments lie in the checkout, too
        if 'site-packages' in name or name == __file__ or imported(
                frame, outside):
            return
        names[name] = None

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
    lines = sum(len(Path(name).read_text().splitlines()) for name in names)
    print(f'\n{title}: {len(names)} files, {lines} lines')
    for name in names:
        print(f'  {Path(name).resolve().relative_to(CODE)}')


def imported(frame: FrameType | None, outside: FrameType) -> bool:
    """Whether a function is called by the import of a module."""
    while frame is not outside:
        if frame is None or frame.f_code.co_name == '<module>' or (
                'importlib._bootstrap' in frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def build(name: str) -> tuple[Config, Any]:
    cfg = Config.fromfile(CODE / name)
    init_default_scope(cfg.default_scope)
    return cfg, MODELS.build(cfg.model)


def last_checkpoint(name: str) -> str:
    return Path('work_dirs', Path(name).stem, 'last_checkpoint').read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.parse_args()
    from mmlangseg.apis import LESSInferencer, SSegInferencer

    less = LESSInferencer(str(CODE / SCANS), last_checkpoint(SCANS))
    scan = str(sorted(Path('my_scans').glob('*.ply'))[0])
    with walk('cloud to mask'):
        less(scan, ['the tallest object'])
    with walk('sentence to word features'):
        less.model.text_encoder(['the tallest object'])

    cfg, model = build(IMAGES)
    source = cfg.train_dataloader.dataset.sources.unlabelled
    images = DATASETS.build(source)
    labelled = DATASETS.build(cfg.train_dataloader.dataset.sources.labelled)
    with walk('image to pseudo-label'):
        batch = pseudo_collate([labelled[0], images[0]])
        model(**model.data_preprocessor(batch, True), mode='loss')

    cfg, model = build(PAIRS)
    pairs = DATASETS.build(cfg.train_dataloader.dataset)
    with walk('caption to loss'):
        batch = pseudo_collate([pairs[0], pairs[1]])
        model(**model.data_preprocessor(batch, True), mode='loss')

    sseg = SSegInferencer(str(CODE / PAIRS), last_checkpoint(PAIRS))
    photo = str(sorted(Path('data/own_pairs/photos').glob('*.jpg'))[0])
    with walk('class name to label map'):
        sseg(photo, ['vase;pot', 'flower'])


if __name__ == '__main__':
    main()
