"""S-Seg from the command line on a few toy pictures: index, training,
pseudo-masks, threshold, self-training, inference, baselines."""
from __future__ import annotations
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import (ROOT, assert_equal, block, call,
                          keep_config_unformatted, run, run_processes, scalars)
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

CONFIGS = ROOT / 'configs/sseg/toy'
DATA = 'data/sseg_toy'
PAIRS, BATCH, SIZE = 48, 8, 32
EPOCH = PAIRS // BATCH  # iterations
KILLED = EPOCH + EPOCH // 2  # in the middle of the second epoch
# the toy config, with hooks of the tests
TOY = f"""
_base_ = ['{CONFIGS}/sseg_toy.py']
custom_imports = dict(imports=['mmlangseg.sseg', 'toy_task'])
custom_hooks = [*_base_.custom_hooks, dict(type='RecordSamplesHook')]
"""
CACHED = """
_base_ = ['toy.py']
model = dict(pseudo_mask_generator=None)
load, *augment = _base_.train_pipeline
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            load, dict(type='LoadPseudoMasks', cache='masks'), *augment
        ]))
"""
VARIANTS = ('no_contrast', 'no_masks', 'random_dino', 'relative', 'pooled',
            'pooled_relative', 'crop')
# what nothing of S-Seg needs
BLOCKED = ('mmdet3d', 'spconv', 'open3d', 'plyfile', 'segment_anything',
           'torchvision', 'skimage')
LOADERS = {
    f'{split}_dataloader.{key}': value
    for split in ('train', 'val', 'test')
    for key, value in dict(num_workers=0, persistent_workers=False).items()
}
# small enough for seconds: few channels, small batches
SMALL = {
    'model.backbone.stem_channels': 8,
    'model.backbone.base_channels': 8,
    'model.decode_head.in_channels': '[8,16,32]',
    'model.text_encoder.embed_dims': 8,
    'model.text_encoder.hidden_channels': 8,
    'train_cfg.val_interval': 1,
    'train_dataloader.batch_size': BATCH,
    # one picture a batch, so that two processes make the same batches
    'test_dataloader.batch_size': 1,
    'test_dataloader.dataset.indices': 3,
    'default_hooks.logger.interval': 1,
    **LOADERS,
}


def options(**changes) -> list[str]:
    values = {**SMALL, **changes}
    return [
        '--cfg-options', *(f'{key}={value}' for key, value in values.items())
    ]


def train_args(work_dir: str, config: Path | str, epochs: int,
               **changes) -> list:
    return [
        config, '--work-dir', work_dir, '--resume',
        *options(**{'train_cfg.max_epochs': epochs}, **changes)
    ]


def trained_on(work_dir: Path, rank: int = 0) -> list[list[int]]:
    """Numbers of the samples of each batch of a process."""
    text = (work_dir / f'samples_{rank}.txt').read_text()
    return [[int(i) for i in line.split()] for line in text.splitlines()]


@pytest.fixture(scope='module', autouse=True)
def trained(tmp_path_factory) -> Iterator[Path]:
    """The folder to work in, with a toy set whose tar is indexed, and an
    uninterrupted training of two epochs in ``whole``."""
    folder = tmp_path_factory.mktemp('sseg_toy')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the processes, whose losses are compared
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # MMEngine formats the config for every checkpoint: a second each
        keep_config_unformatted(patch)
        block(BLOCKED)
        call('dataset_converters/make_toy.py', 'sseg', DATA, '--num-train',
             PAIRS, '--num-val', 4, '--size', SIZE)
        call('sseg/index_pairs.py', f'{DATA}/pairs', '--processes', 1)
        Path('toy.py').write_text(TOY)
        Path('cached.py').write_text(CACHED)
        call('train.py', *train_args('whole', 'toy.py', 2))
        yield folder
    torch.set_num_threads(threads)


def test_training(trained):
    rows = scalars(trained / 'whole', 'loss')
    assert sorted(rows) == list(range(1, 2 * EPOCH + 1))
    assert {'loss_contrastive', 'loss_dice', 'loss_focal',
            'd0.loss_dice'} <= set(rows[1])
    assert len(scalars(trained / 'whole', 'mIoU')) == 2
    batches = trained_on(trained / 'whole')
    for epoch in (batches[:EPOCH], batches[EPOCH:]):
        assert sorted(sum(epoch, [])) == list(range(PAIRS))
    assert batches[:EPOCH] != batches[EPOCH:]
    log, = (trained / 'whole').glob('*/*.log')
    assert 'Epoch 2: 0 broken pairs were replaced' in log.read_text()


def test_index_is_made_once(trained):
    tar, = (trained / DATA / 'pairs').glob('*.tar')
    index, = (trained / DATA / 'pairs').glob('*.npz')
    # training would have written it after the set was complete
    assert index.stat().st_mtime_ns < (trained / 'toy.py').stat().st_mtime_ns
    assert tar.name in index.name


def test_resume_after_kill(trained):
    """kill -9 in the second epoch, then --resume: nothing differs."""
    whole = scalars(trained / 'whole', 'loss')
    Path('killed.py').write_text(f"""
_base_ = ['toy.py']
default_hooks = dict(kill=dict(type='KillHook', iteration={KILLED}))
""")
    run(sys.executable,
        ROOT / 'tools/train.py',
        *train_args('killed', 'killed.py', 2),
        code=-signal.SIGKILL)
    assert sorted(scalars(trained / 'killed',
                          'loss')) == list(range(1, KILLED + 1))
    call('train.py', *train_args('killed', 'toy.py', 2))
    assert scalars(trained / 'killed', 'loss') == whole
    first, second = (
        torch.load(trained / name / 'epoch_2.pth', weights_only=False)
        for name in ('whole', 'killed'))
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_equal(first[key], second[key])


def test_two_processes_share_the_samples(trained):
    run_processes(2, 'train.py', *train_args('two', 'toy.py', 1))
    batches = [trained_on(trained / 'two', rank) for rank in (0, 1)]
    assert [len(b) for b in batches] == [EPOCH // 2] * 2
    first, second = (set(sum(b, [])) for b in batches)
    assert not first & second
    assert first | second == set(range(PAIRS))
    assert sorted(scalars(trained / 'two', 'loss')) == [1, 2, 3]


def test_one_and_two_processes(tmp_path):
    """The same records and metrics; three pictures do not divide by two."""
    common = ['toy.py', 'whole/epoch_2.pth', '--work-dir', tmp_path]
    call('test.py', *common, '--out', tmp_path / 'one.json', *options())
    run_processes(2, 'test.py', *common, '--out', tmp_path / 'two.json',
                  *options())
    one = json.loads((tmp_path / 'one.json').read_text())
    assert len(one['records']) == 3 and 'mIoU' in one['metrics']
    assert one == json.loads((tmp_path / 'two.json').read_text())


def test_training_from_a_cache(trained):
    call('sseg/generate_pseudo_masks.py', 'toy.py', 'masks', '--size', SIZE,
         SIZE, '--workers', 0)
    call('train.py', *train_args('cached', 'cached.py', 1))
    online, cached = (
        scalars(trained / name, 'loss') for name in ('whole', 'cached'))
    # the same weights, samples and crops; other pseudo-masks
    assert cached[1]['loss_contrastive'] == online[1]['loss_contrastive']
    assert 0 < cached[1]['loss_dice'] != online[1]['loss_dice']
    assert trained_on(trained / 'cached') == trained_on(trained /
                                                        'whole')[:EPOCH]


def test_self_training(trained):
    """Threshold, labels, and a network that is trained on them."""
    call('sseg/sweep_threshold.py', 'toy.py', 'whole/epoch_2.pth',
         '--dataloader', 'val_dataloader', '--out', 'sweep.json', *options())
    threshold = json.loads((trained / 'sweep.json').read_text())['best']
    # the network is shrunk by options, which this tool does not have
    small = Config.fromfile('toy.py')
    small.merge_from_dict({
        **SMALL, 'model.decode_head.in_channels': [8, 16, 32]
    })
    small.dump('small.py')
    labels = trained / DATA / 'eval/sseg_labels/train'
    call('sseg/label_images.py', 'small.py', 'whole/epoch_2.pth',
         f'{DATA}/eval/images/train', labels, '--threshold', threshold)
    assert len(list(labels.glob('*.png'))) == 16
    plus = {k: v for k, v in SMALL.items() if 'text_encoder' not in k}
    plus['model.backbone.init_cfg.checkpoint'] = 'whole/epoch_2.pth'
    call('train.py', CONFIGS / 'sseg_toy_plus.py', '--work-dir', 'plus',
         '--cfg-options', 'train_cfg.max_epochs=1',
         *(f'{key}={value}' for key, value in plus.items()))
    # after two steps of the warm-up the backbone is nearly that of S-Seg
    begun, ended = (
        torch.load(trained / path, 'cpu', weights_only=False)['state_dict']
        for path in ('whole/epoch_2.pth', 'plus/epoch_1.pth'))
    for name in begun:
        if name.startswith('backbone.') and 'conv' in name:
            torch.testing.assert_close(
                ended[name], begun[name], rtol=0, atol=1e-3)
    assert sorted(scalars(trained / 'plus', 'loss')) == [1, 2]
    assert len(scalars(trained / 'plus', 'mIoU')) == 1


def test_classes_that_were_never_in_a_config(trained):
    image = trained / DATA / 'eval/images/test/00001.jpg'
    call('infer.py', 'small.py', 'whole/epoch_2.pth', '--image', image,
         '--classes', 'red apple; apples,wooden spoon,donut', '--out', 'found')
    written = json.loads((trained / 'found/00001.json').read_text())
    assert written['labels'] == ['red apple', 'wooden spoon', 'donut']
    labels = np.array(Image.open(trained / 'found/00001_labels.png'))
    assert labels.shape == (SIZE, SIZE) and labels.max() < 3


class Gradients(Hook):
    """Names of the trained parameters that got no gradient in a step."""

    def before_train(self, runner) -> None:
        self.idle = set()
        for name, parameter in runner.model.named_parameters():
            if parameter.requires_grad:
                self.idle.add(name)
                parameter.register_hook(
                    lambda _, name=name: self.idle.discard(name))


@pytest.mark.parametrize('name', ['', *VARIANTS])
def test_variants(name, tmp_path):
    """One step and a validation of each; those of which a part is idle say
    so, since several processes could not train them otherwise."""
    path = CONFIGS / f'sseg_toy{"_" if name else ""}{name}.py'
    cfg = Config.fromfile(path)
    cfg.merge_from_dict({
        **LOADERS,
        'work_dir': str(tmp_path),
        'train_cfg.max_epochs': 1,
        'train_cfg.val_interval': 1,
        'train_dataloader.batch_size': 4,
        'train_dataloader.dataset.indices': 4,
        'val_dataloader.dataset.indices': 2,
        'default_hooks.checkpoint': None,
    })
    runner = Runner.from_cfg(cfg)
    gradients = Gradients()
    runner.register_hook(gradients)
    runner.train()
    assert runner.iter == 1
    losses = set(scalars(tmp_path, 'loss')[1])
    assert ('loss_contrastive' in losses) == (name != 'no_contrast')
    assert ('loss_dice' in losses) == (
        name not in ('no_masks', 'pooled', 'pooled_relative', 'crop'))
    assert 0 <= scalars(tmp_path, 'mIoU')[1]['mIoU'] <= 100
    assert bool(gradients.idle) == cfg.get('find_unused_parameters', False), (
        sorted(gradients.idle))
