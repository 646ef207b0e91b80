from __future__ import annotations
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import Runner

from mmlangseg.engine import EpochSampler, SeededSampleMixin, seeded


def draw() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


class RandomDataset(SeededSampleMixin, BaseDataset):
    """Each sample is its index and what the pipeline draws."""

    def load_data_list(self):
        return [dict(index=i) for i in range(5)]

    def prepare_data(self, idx):
        return (idx, *draw())


class TestSeeded:

    def test_same_keys_same_numbers(self):
        with seeded(1, 2):
            first = draw()
        draw()
        with seeded(1, 2):
            assert draw() == first

    @pytest.mark.parametrize('keys', [(2, 1), (1, 3), (1, ), (1, 2, 0, 7)])
    def test_other_keys_other_numbers(self, keys):
        with seeded(1, 2):
            first = draw()
        with seeded(*keys):
            assert not set(draw()) & set(first)

    def test_outer_state_is_restored(self):
        with seeded(3):
            expected = draw(), draw()
        with seeded(3):
            first = draw()
            with pytest.raises(RuntimeError), seeded(4):
                draw()
                raise RuntimeError
            assert (first, draw()) == expected


class TestSeededSampleMixin:

    def test_sample_depends_on_seed_epoch_and_index_only(self):
        dataset = RandomDataset()
        expected = dataset[2]
        draw()
        assert dataset[2] == expected
        assert dataset[2 + 5][0] == 2  # epoch 1
        assert dataset[2 + 5] != expected
        assert dataset[3][1:] != expected[1:]
        dataset.sample_seed = 1
        assert dataset[2] != expected

    def test_plain_sequence(self):
        dataset = RandomDataset()
        samples = list(dataset)
        assert len(samples) == 5
        assert dataset[-1] == samples[-1]


class TestEpochSampler:

    @pytest.fixture
    def samples(self):

        def collect(num_workers: int, epochs: int) -> list:
            loader = Runner.build_dataloader(
                dict(
                    batch_size=2,
                    num_workers=num_workers,
                    persistent_workers=num_workers > 0,
                    dataset=RandomDataset(),
                    sampler=dict(type='EpochSampler', shuffle=True),
                    collate_fn=dict(type=list)),
                seed=0)
            found = []
            for epoch in epochs:
                loader.sampler.set_epoch(epoch)
                found.append([s for batch in loader for s in batch])
            return found

        return collect

    def test_is_registered(self):
        assert DATA_SAMPLERS.get('EpochSampler') is EpochSampler

    def test_any_number_of_workers(self, samples):
        alone = samples(0, epochs=range(3))
        assert samples(2, epochs=range(3)) == alone
        assert alone[0] != alone[1]
        for epoch in alone:
            assert sorted(sample[0] for sample in epoch) == list(range(5))

    def test_continues_at_any_epoch(self, samples):
        assert samples(
            0, epochs=range(2, 3)) == samples(
                0, epochs=range(3))[2:]

    def test_two_ranks_cover_the_dataset(self, monkeypatch):
        found = []
        for rank in range(2):
            monkeypatch.setattr(
                'mmengine.dataset.sampler.get_dist_info',
                lambda rank=rank: (rank, 2))
            sampler = EpochSampler(RandomDataset(), shuffle=True, seed=0)
            sampler.set_epoch(4)
            found += sampler
        assert set(found) == {20, 21, 22, 23, 24}

    def test_plain_dataset_is_refused(self):
        with pytest.raises(TypeError, match='SeededDataset'):
            EpochSampler([1, 2, 3])
