"""configs/less/toy/less_toy.py from the command line, on a few rooms."""
from __future__ import annotations
import json
import signal
from pathlib import Path

import pytest
from command_line import ROOT, run_processes, run_tool

CONFIG = ROOT / 'configs/less/toy/less_toy.py'
# small enough for seconds: coarse voxels, a narrow U-Net, few epochs
SMALL = ('model.data_preprocessor.voxel_size=0.2',
         'model.backbone.channels=[8,16]', 'train_cfg.max_epochs=2',
         'train_cfg.val_interval=2', 'train_dataloader.num_workers=0',
         'train_dataloader.persistent_workers=False',
         'val_dataloader.num_workers=0',
         'val_dataloader.persistent_workers=False',
         'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False',
         'default_hooks.logger.interval=1')


def train(folder: Path,
          work_dir: str,
          config: Path = CONFIG,
          code: int = 0) -> None:
    run_tool(
        'train.py',
        config,
        '--work-dir',
        work_dir,
        '--resume',
        '--cfg-options',
        *SMALL,
        cwd=folder,
        code=code)


def losses(work_dir: Path) -> dict[int, float]:
    """All losses by iteration, over the runs in a work folder."""
    found = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if 'loss' in row:
                found[row['step']] = {
                    name: value
                    for name, value in row.items() if 'loss' in name
                }
    return found


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """A folder with a toy set and an uninterrupted training on it."""
    folder = tmp_path_factory.mktemp('less_toy')
    run_tool(
        'dataset_converters/make_toy.py',
        'less',
        'data/less_toy',
        '--num-train',
        3,
        '--num-val',
        3,
        cwd=folder)
    train(folder, 'whole')
    return folder


def test_resume_after_kill(trained):
    """kill -9 in the second epoch, then --resume: the same losses."""
    whole = losses(trained / 'whole')
    assert len(whole) >= 4 and 'loss_p2p' in whole[1]
    config = trained / 'killed.py'
    config.write_text(f"""
_base_ = ['{CONFIG}']
custom_imports = dict(
    imports=['mmlangseg.less', 'toy_task'], allow_failed_imports=False)
default_hooks = dict(kill=dict(type='KillHook', iteration={len(whole) - 1}))
""")
    train(trained, 'killed', config, code=-signal.SIGKILL)
    assert len(losses(trained / 'killed')) < len(whole)
    train(trained, 'killed')
    assert losses(trained / 'killed') == whole


def test_one_and_two_processes(trained, tmp_path):
    """The same records and metrics; three rooms do not divide by two."""
    checkpoint = trained / 'whole' / 'epoch_2.pth'
    run_tool(
        'test.py',
        CONFIG,
        checkpoint,
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'one.json',
        '--masks',
        tmp_path / 'one.jsonl',
        '--cfg-options',
        *SMALL,
        cwd=trained)
    run_processes(
        2,
        'test.py',
        CONFIG,
        checkpoint,
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'two.json',
        '--masks',
        tmp_path / 'two.jsonl',
        '--cfg-options',
        *SMALL,
        cwd=trained)
    one = json.loads((tmp_path / 'one.json').read_text())
    assert one == json.loads((tmp_path / 'two.json').read_text())
    masks = (tmp_path / 'one.jsonl').read_text()
    assert masks == (tmp_path / 'two.jsonl').read_text()
    run_tool(
        'evaluate_predictions.py',
        'scanrefer',
        tmp_path / 'one.jsonl',
        '--data-root',
        'data/less_toy',
        '--out',
        tmp_path / 'scores.json',
        cwd=trained)
    scores = json.loads((tmp_path / 'scores.json').read_text())['scores']
    for name in ('mIoU', 'oIoU', 'Acc@0.25', 'Acc@0.5'):
        assert scores['overall'][name] == pytest.approx(one['metrics'][name])


def test_pictures(trained, tmp_path):
    run_tool(
        'test.py',
        CONFIG,
        trained / 'whole' / 'epoch_2.pth',
        '--work-dir',
        tmp_path,
        '--show-dir',
        tmp_path / 'pictures',
        '--cfg-options',
        *SMALL,
        'test_dataloader.dataset.indices=1',
        'test_dataloader.dataset.expressions_per_scene=2',
        cwd=trained)
    pictures = list((tmp_path / 'pictures').glob('*.png'))
    assert len(pictures) == 2
