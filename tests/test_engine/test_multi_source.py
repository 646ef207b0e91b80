import random
from collections import Counter

import pytest
from mmengine.dataset import BaseDataset

from mmlangseg.engine import (MultiSourceDataset, MultiSourceEpochSampler,
                              SeededSampleMixin)


class Numbers(SeededSampleMixin, BaseDataset):
    """Samples are (source, number, random number)."""

    def __init__(self, name, size):
        self.name, self.size = name, size
        super().__init__()

    def load_data_list(self):
        return [dict(number=i) for i in range(self.size)]

    def prepare_data(self, idx):
        return self.name, self.get_data_info(idx)['number'], random.random()


def dataset():
    return MultiSourceDataset(
        dict(few=Numbers('few', 5), many=Numbers('many', 30)))


def sampler(data, **changes):
    options = dict(batch_size=4, ratio=dict(few=1, many=3), seed=0)
    return MultiSourceEpochSampler(data, **{**options, **changes})


def epoch(number, **changes):
    data = dataset()
    data.sample_seed = 0
    order = sampler(data, **changes)
    order.set_epoch(number)
    return [data[index] for index in order]


def test_every_batch_has_the_shares_of_the_sources():
    samples = epoch(0)
    assert len(samples) == len(sampler(dataset())) == 40
    for start in range(0, 40, 4):
        names = [name for name, *_ in samples[start:start + 4]]
        assert names == ['few', 'many', 'many', 'many']


def test_the_large_source_is_seen_once_and_the_small_one_in_cycles():
    seen = Counter(sample[:2] for sample in epoch(0))
    assert all(seen['many', i] == 1 for i in range(30))
    assert all(seen['few', i] == 2 for i in range(5))


def test_a_sample_seen_again_is_drawn_anew():
    draws = [value for name, number, value in epoch(0) if name == 'few']
    assert len(set(draws)) == len(draws) == 10
    assert {value
            for *_, value in epoch(0)}.isdisjoint(value
                                                  for *_, value in epoch(1))


def test_an_epoch_does_not_depend_on_those_before():
    data, order = dataset(), None
    data.sample_seed = 0
    for number in range(3):  # one sampler, as in a training
        order = order or sampler(data)
        order.set_epoch(number)
        samples = [data[index] for index in order]
    assert samples == epoch(2)


def test_order_depends_on_the_seed():
    assert epoch(0) == epoch(0)
    assert epoch(0) != epoch(0, seed=1)


def test_processes_share_the_samples(monkeypatch):
    seen = Counter()
    for rank in range(2):
        monkeypatch.setattr(
            'mmlangseg.engine.multi_source.get_dist_info',
            lambda rank=rank: (rank, 2))
        samples = epoch(0)
        assert len(samples) == 20
        seen.update(sample[:2] for sample in samples)
    assert all(seen['many', i] == 1 for i in range(30))
    assert all(seen['few', i] == 2 for i in range(5))


def test_length_of_an_epoch_can_be_set():
    assert len(epoch(0, batches_per_epoch=3)) == 12


def test_the_seed_of_the_run_reaches_the_sources():
    data = dataset()
    data.sample_seed = 7
    assert [source.sample_seed for source in data.datasets] == [7, 8]
    assert data.sample_seed == 7


def test_wrong_ratio_names_the_sources():
    with pytest.raises(ValueError, match=r"\['few', 'many'\]"):
        sampler(dataset(), ratio=dict(labelled=1, many=1))


def test_a_source_without_samples_is_an_error():
    with pytest.raises(ValueError, match=r'gives \[4, 0\]'):
        sampler(dataset(), ratio=dict(few=9, many=1))


def test_a_source_needs_seeded_samples():

    class Plain(BaseDataset):

        def load_data_list(self):
            return [{}]

    with pytest.raises(TypeError, match="'plain' has no SeededSampleMixin"):
        MultiSourceDataset(dict(plain=Plain()))
