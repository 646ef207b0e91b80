"""MMEngine's samplers, wrappers and loops with seeded samples."""
from __future__ import annotations
import random
from collections import Counter

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import NumberedSampler, SeededDataset, SeededSampleMixin
from mmlangseg.engine.launch import build_runner
from mmlangseg.engine.seeding import number_draw

SIZE = 6


class _Draws(BaseDataset):
    """Samples are their number and what the pipeline draws."""

    def load_data_list(self):
        return [dict(number=i) for i in range(SIZE)]

    def prepare_data(self, idx):
        return dict(
            inputs=torch.tensor([idx, random.random()], dtype=torch.float64))

    def get_cat_ids(self, idx):
        return [idx % 3]


@DATASETS.register_module()
class PlainDraws(_Draws):
    """Knows nothing of seeds."""


@DATASETS.register_module()
class SeededDraws(SeededSampleMixin, _Draws):
    """Seeds its samples."""


@MODELS.register_module()
class OneWeight(BaseModel):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs, data_samples=None, mode='loss'):
        return dict(loss=self.weight * 0)


class Recorder(Hook):
    """Keeps what the model sees."""

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen += [tuple(x.tolist()) for x in data_batch['inputs']]


INNER = dict(type='SeededDraws')
DATA = dict(
    alone=INNER,
    plain=dict(type='PlainDraws'),
    concatenated=dict(type='ConcatDataset', datasets=[INNER, INNER]),
    repeated=dict(type='RepeatDataset', dataset=INNER, times=2),
    balanced=dict(
        type='ClassBalancedDataset', dataset=INNER, oversample_thr=0.9),
    nested=dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(type='SeededDataset', dataset=INNER)))
EPOCHS = dict(by_epoch=True, max_epochs=3)
ITERATIONS = dict(by_epoch=False, max_iters=10)


def config(dataset: dict,
           sampler: dict,
           loop: dict,
           work_dir,
           num_workers: int = 0,
           seed: int | None = 3) -> Config:
    return Config(
        dict(
            model=dict(type='OneWeight'),
            work_dir=str(work_dir),
            launcher='none',
            default_scope='mmengine',
            experiment_name=f'run{random.random()}',
            train_dataloader=dict(
                batch_size=3,
                num_workers=num_workers,
                persistent_workers=True,
                sampler=sampler,
                dataset=dataset),
            train_cfg=loop,
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            custom_hooks=[dict(type='IterationSeedHook')],
            randomness=dict(seed=seed)))


def train(runner: Runner) -> list[tuple[float, float]]:
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    return recorder.seen


@pytest.mark.parametrize('name, kind', [
    *((name, 'DefaultSampler') for name in DATA),
    ('alone', 'InfiniteSampler'),
    ('balanced', 'InfiniteSampler'),
    ('repeated', 'EpochSampler'),
])
def test_every_sample_is_drawn_anew(name, kind, tmp_path):
    dataset = DATA[name]
    loop = ITERATIONS if kind == 'InfiniteSampler' else EPOCHS

    def run(num_workers: int) -> list:
        cfg = config(dataset, dict(type=kind), loop, tmp_path, num_workers)
        return train(build_runner(cfg))

    seen = run(0)
    counts = Counter(number for number, _ in seen)
    assert len(counts) == SIZE and min(counts.values()) > 2
    assert len({draw for _, draw in seen}) == len(seen)
    if name in ('repeated', 'balanced'):  # not all: processes are slow
        assert run(2) == seen  # persistent workers


def test_iterations_go_on_where_they_were(tmp_path):
    repair_checkpoint_loading()
    cfg = config(INNER, dict(type='InfiniteSampler'), ITERATIONS, tmp_path)
    cfg.default_hooks = dict(
        checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))
    whole = train(build_runner(cfg))
    cfg.load_from, cfg.resume = str(tmp_path / 'iter_4.pth'), True
    cfg.randomness = dict(seed=None)  # that of the checkpoint
    cfg.experiment_name = f'resumed{random.random()}'
    cfg.train_dataloader.num_workers = 1
    cfg.train_dataloader.persistent_workers = True
    assert train(build_runner(cfg)) == whole[12:]


@pytest.mark.parametrize('dataset, kind', [
    (INNER, 'DefaultSampler'),
    (INNER, 'InfiniteSampler'),
    (DATA['concatenated'], 'DefaultSampler'),
    (DATA['nested'], 'DefaultSampler'),
])
def test_no_training_starts_with_frozen_samples(dataset, kind, tmp_path):
    """Not even where the tools have not prepared the config."""
    loop = ITERATIONS if kind == 'InfiniteSampler' else EPOCHS
    cfg = config(dataset, dict(type=kind), loop, tmp_path)
    cfg.train_dataloader.persistent_workers = False
    with pytest.raises(TypeError, match='same augmentation.*NumberedSampler'):
        train(Runner.from_cfg(cfg))


def test_wrapped_data_set():
    dataset = SeededDataset(PlainDraws())
    assert dataset.metainfo == {} and len(dataset) == SIZE
    assert dataset.get_data_info(SIZE + 2)['number'] == 2
    assert len(list(dataset)) == SIZE
    assert dataset[1]['inputs'].equal(dataset[1]['inputs'])
    assert not dataset[1]['inputs'].equal(dataset[1 + SIZE]['inputs'])


def test_processes_never_share_a_draw(monkeypatch):
    found = []
    for rank in range(2):
        for module in ('mmlangseg.engine.numbered_sampler',
                       'mmengine.dataset.sampler'):
            monkeypatch.setattr(
                f'{module}.get_dist_info', lambda rank=rank: (rank, 2))
        sampler = NumberedSampler(
            SeededDraws(), dict(type='DefaultSampler'), seed=0)
        for epoch in range(3):
            sampler.set_epoch(epoch)
            found += [divmod(index, SIZE) for index in sampler]
    draws = [divmod(draw, number_draw(0, 1)) for draw, _ in found]
    assert sorted(number for number, _ in draws) == list(range(18))
    assert all(epoch == number // SIZE for number, epoch in draws)
    assert set(Counter(i for _, i in found).values()) == {3}


class _Epochs(Dataset):

    def __len__(self):
        return SIZE

    def __getitem__(self, index):
        return self.sample_epoch


class SeededEpochs(SeededSampleMixin, _Epochs):
    """Its samples are the epochs that they were read in."""


def test_all_samples_of_a_pass_know_one_epoch():
    """By which sentences are dealt out among the samples of a scan."""
    dataset = SeededEpochs()
    sampler = NumberedSampler(dataset, dict(type='DefaultSampler'), seed=0)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        assert [dataset[index] for index in sampler] == [epoch] * SIZE


def test_data_set_without_virtual_indices():
    with pytest.raises(TypeError, match='got PlainDraws.*SeededDataset'):
        NumberedSampler(PlainDraws(), dict(type='DefaultSampler'))
