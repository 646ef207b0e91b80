"""tools/train.py and tools/test.py from the command line, on a toy task."""
from __future__ import annotations
import json
import signal
import sys
from pathlib import Path

import pytest
import torch
from command_line import ROOT, free_port, run, run_tool

CONFIG = f"""
_base_ = ['{ROOT}/configs/_base_/runtime.py']
custom_imports = dict(
    imports=['mmlangseg.evaluation', 'toy_task'], allow_failed_imports=False)
model = dict(type='ToyLineModel')
train_dataloader = dict(
    batch_size=2, num_workers=1, persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(type='ToyLineDataset', num_scenes=8))
test_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyLineDataset', num_scenes=5, test_mode=True))
val_dataloader = test_dataloader
val_evaluator = dict(type='ReferringSegMetric')
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.05))
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=1)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    logger=dict(interval=1),
    checkpoint=dict(max_keep_ckpts=1, save_best='mIoU'))
"""


def tool(name: str, *args, code: int = 0) -> str:
    return run_tool(name, *args, cwd=ROOT, code=code)


def new_process(name: str, *args, code: int = 0) -> str:
    """Run a tool as :func:`tool` does, imports included, with another seed
    of the hashes."""
    return run(
        sys.executable, ROOT / 'tools' / name, *args, cwd=ROOT, code=code)


def losses(work_dir: Path) -> dict[int, float]:
    """Training loss by iteration, over all runs in a work folder."""
    found = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if 'loss' in row:
                found[row['step']] = row['loss']
    return found


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'toy_line.py'
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope='module')
def trained(config) -> Path:
    """Work folder of an uninterrupted training."""
    work_dir = config.parent / 'whole'
    tool('train.py', config, '--work-dir', work_dir)
    return work_dir


def test_checkpoints_of_a_training(trained):
    names = {path.name for path in trained.glob('*.pth')}
    assert 'epoch_3.pth' in names
    assert len([name for name in names if name.startswith('best_')]) == 1
    assert len(names) == 2  # max_keep_ckpts=1
    assert not list(trained.glob('.*.tmp*'))


def test_resume_after_kill(config, trained):
    """kill -9 in the middle of an epoch, then --resume: the same losses."""
    work_dir = config.parent / 'killed'
    new_process(
        'train.py',
        config,
        '--work-dir',
        work_dir,
        '--cfg-options',
        'default_hooks.kill.type=KillHook',
        'default_hooks.kill.iteration=6',
        code=-signal.SIGKILL)
    assert 0 < len(losses(work_dir)) < 8
    tool('train.py', config, '--work-dir', work_dir, '--resume')
    whole = losses(trained)
    assert len(whole) == 12
    assert losses(work_dir) == whole


def validations(work_dir: Path) -> list[tuple[int, float]]:
    """Epoch and mIoU of every validation, over all runs in a work folder."""
    rows = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [(row['step'], row['mIoU']) for row in rows if 'mIoU' in row]


@pytest.mark.parametrize('epoch', [2, 3])
def test_resume_after_kill_in_a_validation(config, trained, epoch):
    """The validation is made up for: the same scores, and best checkpoint."""
    work_dir = config.parent / f'unvalidated_{epoch}'
    new_process(
        'train.py',
        config,
        '--work-dir',
        work_dir,
        '--cfg-options',
        'default_hooks.kill.type=KillHook',
        'default_hooks.kill.stage=val',
        f'default_hooks.kill.iteration={4 * epoch}',
        code=-signal.SIGKILL)
    assert len(validations(work_dir)) == epoch - 1
    out = tool('train.py', config, '--work-dir', work_dir, '--resume')
    assert 'validated its checkpoint, which comes first' in out
    whole = validations(trained)
    assert [step for step, _ in whole] == [1, 2, 3]
    assert validations(work_dir) == whole
    best, = trained.glob('best_*')
    assert [path.name for path in work_dir.glob('best_*')] == [best.name]
    # once more, and nothing is missing
    tool('train.py', config, '--work-dir', work_dir, '--resume')
    assert validations(work_dir) == whole


def test_one_and_two_processes(config, trained, tmp_path, monkeypatch):
    """The same metrics and records, with a dataset that does not divide."""
    checkpoint = trained / 'epoch_3.pth'
    one, two = tmp_path / 'one.json', tmp_path / 'two.json'
    args = '--work-dir', tmp_path
    new_process('test.py', config, checkpoint, '--out', one, *args)
    monkeypatch.setenv('PORT', free_port())
    run('bash',
        ROOT / 'tools/dist_test.sh',
        config,
        checkpoint,
        2,
        '--out',
        two,
        *args,
        cwd=ROOT)
    expected = json.loads(one.read_text())
    assert json.loads(two.read_text()) == expected
    # the config of this test is beside its log, and over no other
    assert not (tmp_path / config.name).exists()
    assert len(list(tmp_path.glob(f'*/{config.name}'))) == 2
    text = json.dumps(expected)
    assert text.count('"right of') == 5 + 3 + 1  # one record per expression
    assert 'mIoU' in text


def test_two_processes_train(config, tmp_path, monkeypatch):
    monkeypatch.setenv('PORT', free_port())
    run('bash',
        ROOT / 'tools/dist_train.sh',
        config,
        2,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'train_cfg.max_epochs=1',
        cwd=ROOT)
    assert len(losses(tmp_path)) == 2  # 8 scenes, 2 processes of 2


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_checkpoint_of_another_model(config, tmp_path, name):
    path = tmp_path / 'other.pth'
    torch.save(
        dict(state_dict=torch.nn.Linear(3, 3).state_dict(), meta=dict()), path)
    flag = ['--resume', path] if name == 'train.py' else [path]
    out = tool(name, config, *flag, '--work-dir', tmp_path, code=1)
    assert f'error: {path} is of another model than ToyLineModel' in out
    assert 'Traceback' not in out
    assert 'ToyLineDataset' not in out  # the data were not read


def test_begin_with_another_model(config, tmp_path):
    """MMEngine would train random weights, and only log it."""
    path = tmp_path / 'other.pth'
    torch.save(dict(net=torch.nn.Linear(3, 3).state_dict()), path)
    options = ['--cfg-options', f'load_from={path}']
    out = tool('train.py', config, '--work-dir', tmp_path, *options, code=1)
    assert f'load_from={path}: 0 of its 0 weights have a place' in out


def test_resume_from_weights_alone(config, trained, tmp_path):
    """The optimizer would begin anew."""
    weights = torch.load(next(trained.glob('epoch_*.pth')), weights_only=False)
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=weights['state_dict']), path)
    options = ['--work-dir', tmp_path, '--resume', path]
    out = tool('train.py', config, *options, code=1)
    assert f'{path} cannot be resumed: it lacks meta.epoch' in out


@pytest.mark.parametrize('options', [[], ['--verbose']])
def test_console_is_short(config, tmp_path, options):
    # the libraries warn when they are imported
    start = tool if options else new_process
    out = start('train.py', config, '--work-dir', tmp_path, *options,
                '--cfg-options', 'train_cfg.max_epochs=1')
    file, = tmp_path.glob('*/*.log')
    kept = file.read_text()
    for aside in ('System environment:', 'Config:\n', 'Hooks will be'):
        assert aside in kept
        assert (aside in out) == bool(options)
    assert (str(file) in out) != bool(options)
    assert 'Epoch(train)' in out
    if not options:
        assert len(out.splitlines()) < 40, out


def test_checkpoint_of_another_model_is_one_message(config, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save(
        dict(
            state_dict={'stem.weight': torch.ones(3)},
            meta=dict(cfg="model = dict(type='SSeg')")), path)
    out = tool(
        'test.py', config, path, '--work-dir', tmp_path / 'test', code=1)
    assert 'Traceback' not in out
    last = out.splitlines()[-1]
    assert '4 of 4 weights are missing' in last
    assert 'The file says: model SSeg.' in last
