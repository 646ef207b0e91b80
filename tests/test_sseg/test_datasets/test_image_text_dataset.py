from __future__ import annotations
import logging
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import RepeatDataset, pseudo_collate
from mmengine.registry import HOOKS, init_default_scope
from mmseg.registry import DATASETS
from outside_data import realdata
from pair_data import pairs, picture, write_tar
from torch.utils.data import DataLoader

from mmlangseg.engine import EpochSampler, SeededDataset
from mmlangseg.sseg.datasets import BrokenPairError, ImageTextDataset
from mmlangseg.sseg.engine import ShardShuffleSampler

LOAD = dict(type='LoadPairImage')
META = ('key', 'sample_id', 'text', 'ori_shape', 'img_shape', 'flip')
PIPELINE = [
    LOAD,
    dict(type='RandomResizedCrop', size=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=META)
]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def root(tmp_path) -> Path:
    """Five and three pairs in three tars."""
    write_tar(tmp_path / 'a' / '0.tar', pairs(2))
    write_tar(tmp_path / 'a' / '1.tar', pairs(3, 2))
    write_tar(tmp_path / 'b' / '0.tar', pairs(3, 5))
    return tmp_path


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    """What is reported of broken pairs; the logger does not propagate."""
    texts = []

    def note(text: str, logger: str, level: int) -> None:
        assert (logger, level) == ('current', logging.WARNING)
        texts.append(text)

    monkeypatch.setattr('mmlangseg.sseg.datasets.broken_pairs.print_log', note)
    return texts


def build(root, *sources, **kwargs) -> ImageTextDataset:
    sources = sources or (tars('a'), tars('b'))
    return DATASETS.build(
        dict(
            type='ImageTextDataset',
            sources=sources,
            data_root=str(root),
            **kwargs))


def tars(folder: str, **kwargs) -> dict:
    return dict(type='TarSource', tars=f'{folder}/*.tar', **kwargs)


def ids(dataset, epoch=0) -> list[int]:
    first = epoch * len(dataset)
    return [dataset[first + i]['sample_id'] for i in range(len(dataset))]


def test_items(root):
    dataset = build(root)
    assert len(dataset) == 8
    assert dataset[5] == dict(
        img_bytes=picture(5, suffix='jpg'),
        text='caption 5 of a dog',
        key='0.tar/000000005',
        sample_id=5,
        source_sizes=(5, 3))
    assert ids(dataset) == list(range(8))
    assert dataset[-1]['sample_id'] == 7
    assert len(list(dataset)) == 8


def test_sources_of_different_kinds(root):
    (root / 'images').mkdir()
    for i in range(2):
        (root / 'images' / f'{i}.png').write_bytes(picture(i))
        (root / 'images' / f'{i}.txt').write_text(f'a photo {i}')
    (root / 'p.tsv').write_text('a cat\t1.png\na dog\t0.png\n')
    dataset = build(
        root,
        tars('b'),
        dict(type='FolderSource', folder='images'),
        dict(type='TableSource', file='p.tsv', images='images'),
        pipeline=[LOAD])
    items = list(dataset)
    assert [item['sample_id'] for item in items] == list(range(7))
    assert [item['text'] for item in items[3:]] == \
        ['a photo 0', 'a photo 1', 'a cat', 'a dog']
    for item, number in zip(items[3:], (0, 1, 1, 0)):
        assert np.array_equal(item['img'], items[3 + number]['img'])


def test_packed(root):
    item = build(root, pipeline=PIPELINE)[0]
    assert item['inputs'].shape == (3, 8, 8)
    sample = item['data_samples']
    assert sample.sample_id == 0 and sample.text == 'caption 0 of a dog'
    assert sample.ori_shape == (12, 16) and sample.img_shape == (8, 8)


# --- weights


def test_weights(root):
    dataset = build(root, tars('a', weight=2), tars('b'))
    assert len(dataset) == 13
    assert Counter(ids(dataset)) == {
        **{
            i: 2
            for i in range(5)
        },
        **{
            i: 1
            for i in range(5, 8)
        }
    }
    assert ids(dataset) == ids(dataset, 3)


@pytest.mark.parametrize('weight, draws', [(0.4, 2), (0.01, 1), (1.6, 8)])
def test_fractions_go_on_in_the_next_epoch(root, weight, draws):
    dataset = build(root, tars('a', weight=weight))
    assert len(dataset) == draws
    seen = Counter()
    for epoch in range(5):
        epoch_ids = ids(dataset, epoch)
        counts = Counter(epoch_ids)
        assert max(counts.values()) <= -(-draws // 5)
        assert min(counts.get(i, 0) for i in range(5)) >= draws // 5
        seen.update(epoch_ids)
    assert set(seen.values()) == {draws} and len(seen) == 5


def test_fractions_go_on_inside_wrappers(root):
    inner = build(root, tars('a', weight=0.4))
    dataset = SeededDataset(RepeatDataset(inner, 1))
    assert len({i for epoch in range(5) for i in ids(dataset, epoch)}) == 5


@pytest.mark.parametrize('weight', [0, -1, float('nan'), float('inf')])
def test_wrong_weights(root, weight):
    with pytest.raises(ValueError, match='weight .* must be positive'):
        build(root, tars('a', weight=weight))


def test_wrong_sources(root):
    for sources in ([], tars('a')):
        with pytest.raises(ValueError, match='sources must be a list'):
            ImageTextDataset(sources)
    with pytest.raises(FileNotFoundError, match='no file matches .*c/.*tar'):
        build(root, tars('c'))


def test_file_limit_is_raised(root, monkeypatch):
    raised = []
    monkeypatch.setattr(
        'mmlangseg.sseg.datasets.image_text_dataset.raise_file_limit',
        lambda: raised.append(1))
    build(root, lazy_init=True)
    assert raised


# --- order and shares


def test_subsets(root):
    assert len(build(root, indices=3)) == 3
    assert ids(build(root, indices=[6, 1])) == [6, 1]
    dataset = build(root)
    assert ids(dataset.get_subset([7, 0])) == [7, 0]
    assert ids(dataset.get_subset(-2)) == [6, 7]
    lazy = build(root, lazy_init=True)
    lazy.full_init()
    assert len(lazy) == 8


def test_samples_are_functions_of_seed_and_epoch(root):

    def crops(dataset, epoch, workers=0, seed=0):
        sampler = EpochSampler(dataset, shuffle=False, seed=seed)
        sampler.set_epoch(epoch)
        loader = DataLoader(
            dataset,
            sampler=sampler,
            num_workers=workers,
            collate_fn=pseudo_collate)
        return np.stack([batch['inputs'][0].numpy() for batch in loader])

    dataset = build(root, pipeline=PIPELINE)
    first = crops(dataset, 0)
    assert np.array_equal(first, crops(dataset, 0, workers=2))
    assert np.array_equal(first, crops(build(root, pipeline=PIPELINE), 0))
    assert not np.array_equal(first, crops(dataset, 1))
    assert not np.array_equal(first, crops(dataset, 0, seed=1))


def shares(sampler_type, dataset, world_size, epoch, monkeypatch, **kwargs):
    """Indices of every rank."""
    result = []
    for rank in range(world_size):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda:
                            (rank, world_size))
        sampler = sampler_type(dataset, seed=3, **kwargs)
        sampler.set_epoch(epoch)
        result.append(list(sampler))
        assert len(result[-1]) == len(sampler)
    return result


@pytest.mark.parametrize('sampler_type', [EpochSampler, ShardShuffleSampler])
@pytest.mark.parametrize('epoch', [0, 2])
def test_ranks_see_disjoint_pairs(root, sampler_type, epoch, monkeypatch):
    dataset = build(root)
    one, = shares(sampler_type, dataset, 1, epoch, monkeypatch)
    two = shares(sampler_type, dataset, 2, epoch, monkeypatch)
    seen = [{dataset[i]['sample_id'] for i in share} for share in two]
    assert len(seen[0]) == len(seen[1]) == 4
    assert seen[0] | seen[1] == set(range(8)) and not seen[0] & seen[1]
    assert sorted(two[0] + two[1]) == sorted(one)  # the work of one process
    assert {i // 8 for i in one} == {epoch}
    three = shares(sampler_type, dataset, 3, epoch, monkeypatch)
    assert [len(share) for share in three] == [3, 3, 3]  # rounded up
    assert {i for share in three for i in share} == set(one)
    three = shares(
        sampler_type, dataset, 3, epoch, monkeypatch, round_up=False)
    assert sorted(sum(three, [])) == sorted(one)


def test_windows_of_tars(tmp_path, monkeypatch):
    for i in range(6):
        write_tar(tmp_path / 'a' / f'{i}.tar', [(f'{k}.{s}', b'word')
                                                for k in range(10)
                                                for s in ('jpg', 'txt')])
    dataset = build(tmp_path, tars('a', weight=2))
    assert dataset.group_starts().tolist() == list(range(0, 120, 10))
    orders = [
        shares(ShardShuffleSampler, dataset, 1, epoch, monkeypatch,
               window=3)[0] for epoch in (0, 0, 1)
    ]
    assert orders[0] == orders[1]  # a resumed run
    assert orders[0] != [i - 120 for i in orders[2]]
    for order in orders:
        groups = [[i % 120 // 10 for i in order[k:k + 30]]
                  for k in range(0, 120, 30)]
        assert all(len(set(window)) == 3 for window in groups)
        assert len({tuple(window) for window in groups}) == 4
        assert any(sorted(window) != window for window in groups)
    assert dataset.get_subset(25).group_starts().tolist() == [0, 10, 20]
    assert dataset.get_subset(-15).group_starts().tolist() == [0, 5]
    assert dataset.get_subset([3, 90]).group_starts().tolist() == [0]
    half = build(tmp_path, tars('a', weight=0.5), tars('a'))
    assert half.group_starts().tolist() == [0, *range(30, 90, 10)]


def test_window_sampler_needs_pairs(root):
    with pytest.raises(TypeError, match='use EpochSampler'):
        ShardShuffleSampler([1, 2])
    with pytest.raises(ValueError, match='window'):
        ShardShuffleSampler(build(root), window=0)


# --- broken pairs


@pytest.fixture
def broken(tmp_path) -> Path:
    """Of 20 pairs 4 have bad captions and 3 bad images."""
    members = pairs(20)
    for i, text in ((2, b'12:30'), (3, b''), (9, b'\xff'), (11, b'!')):
        members[3 * i + 1] = (members[3 * i + 1][0], text)
    for i in (0, 10, 19):
        name, data = members[3 * i]
        members[3 * i] = (name, data[:len(data) // 2 if i else 0])
    write_tar(tmp_path / 'a' / '0.tar', members)
    return tmp_path


BAD = {0, 2, 3, 9, 10, 11, 19}


def test_broken_pairs_are_replaced(broken, warnings):
    dataset = build(broken, tars('a'), pipeline=[LOAD])
    found = ids(dataset)
    named = [text for text in warnings if 'is replaced' in text]
    good = [i for i in range(20) if i not in BAD]
    assert [found[i] for i in good] == good
    assert not BAD & set(found)
    again = build(broken, tars('a'), pipeline=[LOAD])
    assert ids(again) == found
    assert ids(again, 1) != found  # other ones stand in
    counts = dataset.broken.counts()
    assert counts['image'] >= 3 and counts['caption'] >= 4
    assert len(named) == 5
    assert '0.tar/000000000: image is unusable: it is empty' in named[0]
    assert "0.tar/000000002: caption has no letters: '12:30'" in named[1]


def test_counts_grow_tenfold(broken, warnings):
    dataset = build(broken, tars('a'), pipeline=[LOAD])
    for i in range(100):
        dataset.broken.add(BrokenPairError(str(i), 'image', 'is bad'))
    assert len(warnings) == 5 + 2
    assert warnings[-1] == ('100 broken pairs were replaced so far (100 by '
                            'image, 0 by caption); the last: 99: image is bad')


def build_loader(root, workers: int) -> DataLoader:
    dataset = build(root, tars('a'), pipeline=[
        LOAD, dict(type='PackSegInputs', meta_keys=META)
    ])  # yapf: disable
    return DataLoader(
        dataset,
        sampler=EpochSampler(dataset, seed=0),
        num_workers=workers,
        collate_fn=pseudo_collate)


def test_broken_pairs_of_workers_are_counted_together(broken):

    def run(workers: int) -> tuple:
        loader = build_loader(broken, workers)
        found = [batch['data_samples'][0].sample_id for batch in loader]
        return found, loader.dataset.broken.counts()

    assert run(0) == run(2)


def test_hook_logs_the_broken_pairs_of_all_processes(broken, monkeypatch):
    """Two processes with the same counts; the second epoch has one more."""
    logged = []
    loader = build_loader(broken, workers=2)
    dataset = loader.dataset
    runner = SimpleNamespace(
        epoch=0,
        train_dataloader=loader,
        logger=SimpleNamespace(log=lambda *args: logged.append(args)))
    monkeypatch.setattr('mmlangseg.sseg.engine.broken_pairs_hook.all_reduce',
                        lambda counts: counts.mul_(2))
    dataset.broken.add(BrokenPairError('a', 'image', 'was broken before'))
    hook = HOOKS.build(dict(type='BrokenPairsHook'))
    hook.before_train(runner)
    assert len(list(loader)) == 20
    hook.after_train_epoch(runner)
    counts = dataset.broken.counts()
    images, captions = 2 * counts['image'] - 2, 2 * counts['caption']
    assert images >= 6 and captions >= 8
    runner.epoch = 1
    dataset.broken.add(BrokenPairError('a', 'image', 'is broken'))
    hook.after_train_epoch(runner)
    hook.after_train_epoch(runner)
    text = 'Epoch {}: {} broken pairs were replaced ({} by image, {} by ' \
        'caption)'
    assert logged == [(logging.WARNING,
                       text.format(1, images + captions, images, captions)),
                      (logging.WARNING, text.format(2, 2, 2, 0)),
                      (logging.INFO, text.format(2, 0, 0, 0))]
    runner.train_dataloader = SimpleNamespace(
        dataset=RepeatDataset(dataset, times=2))
    dataset.broken.add(BrokenPairError('a', 'image', 'is broken'))
    hook.after_train_epoch(runner)
    assert logged[-1] == (logging.WARNING, text.format(2, 2, 2, 0))
    runner.train_dataloader = SimpleNamespace(dataset=[])
    hook.before_train(runner)
    hook.after_train_epoch(runner)
    assert logged[-1] == (logging.INFO, text.format(2, 0, 0, 0))


def test_all_broken(tmp_path):
    write_tar(tmp_path / 'a' / '0.tar', [('0.jpg', b'i'), ('0.txt', b'12')])
    dataset = build(tmp_path, tars('a'), max_refetch=5)
    with pytest.raises(RuntimeError, match='6 pairs in a row .*0.tar/0: cap'):
        dataset[0]


def test_test_mode(broken):
    dataset = build(broken, tars('a'), pipeline=[LOAD], test_mode=True)
    with pytest.raises(BrokenPairError, match='000000002: caption has no let'):
        dataset[2]
    assert dataset[1]['sample_id'] == 1


# --- real data


@pytest.mark.skipif(
    not realdata('coco_pairs').is_dir(),
    reason='../shared/realdata/coco_pairs is not here')
def test_real_photos(tmp_path):
    before = sorted(os.listdir(realdata('coco_pairs')))
    dataset = build(
        realdata('coco_pairs'),
        dict(
            type='TarSource',
            tars='coco-pairs-{000000..000001}.tar',
            index_dir=str(tmp_path)),
        pipeline=[
            LOAD,
            dict(type='RandomResizedCrop', size=32),
            dict(type='CaptionWords', mode='multi_label'),
            dict(type='PackSegInputs', meta_keys=(*META, 'prompts'))
        ])
    assert len(dataset) == 95
    assert dataset.group_starts().tolist() == [0, 48]
    for index in range(0, 95, 12):
        item = dataset[index]
        assert item['inputs'].shape == (3, 32, 32)
        assert len(item['data_samples'].prompts) == 3
    assert dataset.broken.counts() == dict(image=0, caption=0)
    assert sorted(os.listdir(realdata('coco_pairs'))) == before
