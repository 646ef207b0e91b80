from __future__ import annotations
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmlangseg.sseg.datasets.file_pool import FilePool
from mmlangseg.sseg.pseudo_masks import PseudoMaskCache, PseudoMaskCacheError
from mmlangseg.sseg.pseudo_masks.cache_shard import ShardError, ShardLayout

HEADER = dict(
    dataset='toy',
    num_samples=10,
    num_clusters=8,
    grid=(5, 6),
    shard_size=4,
    generator=dict(name='x'))


def labels(sample_id: int, clusters: int = 8, grid=(5, 6)) -> np.ndarray:
    rng = np.random.default_rng(sample_id)
    return rng.integers(0, clusters, grid)


def entries(samples) -> dict:
    return {i: (f'key {i}', labels(i)) for i in samples}


@pytest.fixture
def cache(tmp_path) -> PseudoMaskCache:
    cache = PseudoMaskCache.create(tmp_path / 'cache', HEADER)
    for shard in range(cache.num_shards):
        cache.write_shard(shard, entries(cache.samples(shard)))
    return cache


def test_write_and_load(cache):
    assert cache.num_shards == 3 and len(cache) == 10
    assert [len(cache.samples(i)) for i in range(3)] == [4, 4, 2]
    again = PseudoMaskCache(cache.root, dict(dataset='toy', grid=(5, 6)))
    for i in (3, 0, 9, 4):
        found = again.load(i, f'key {i}')
        assert found.dtype == np.uint8 and (found == labels(i)).all()
    assert list(again.without_masks()) == []


@pytest.mark.parametrize('clusters, size', [(1, 4), (2, 4), (5, 12), (8, 12),
                                            (9, 15), (255, 30)])
def test_labels_take_as_few_bits_as_possible(clusters, size):
    layout = ShardLayout((5, 6), clusters)
    array = labels(0, clusters)
    array[0, 0] = clusters - 1
    record = layout.pack('a', array)
    assert len(record) == layout.record_size == 12 + size
    assert (layout.unpack('a', record) == array).all()


def test_many_clusters_of_a_large_grid():
    layout = ShardLayout((28, 28), 8)
    assert layout.record_size == 12 + 294
    array = labels(3, grid=(28, 28))
    assert (layout.unpack('k', layout.pack('k', array)) == array).all()


def test_samples_without_masks(cache):
    cache.write_shard(1, entries([5, 7]))
    assert cache.load(4, 'key 4') is None
    assert (cache.load(5, 'key 5') == labels(5)).all()
    assert list(cache.without_masks()) == [4, 6]


def test_zeros_are_a_label_map(cache):
    cache.write_shard(2, {8: ('k', np.zeros((5, 6), int))})
    assert (cache.load(8, 'k') == 0).all()
    assert cache.load(9, 'key 9') is None


def test_another_data_set_is_refused(cache):
    with pytest.raises(PseudoMaskCacheError, match='belongs to another key'):
        cache.load(3, 'key 4')
    with pytest.raises(PseudoMaskCacheError, match='has 10 samples'):
        cache.load(10, 'key 10')
    with pytest.raises(PseudoMaskCacheError, match='has 10 samples'):
        cache.load(-1, 'key 9')
    for field, value in (('dataset', 'cc3m'), ('num_samples', 11)):
        with pytest.raises(
                PseudoMaskCacheError, match=f'field "{field}".*{value}'):
            PseudoMaskCache(cache.root, {field: value})


def test_every_damaged_byte_is_noticed(cache):
    path = cache.path(0)
    whole = path.read_bytes()
    start = len(whole) - 4 * cache.layout.record_size
    for place in (0, 9, start - 1, start, start + 9, start + 12,
                  start + cache.layout.record_size - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        fresh = PseudoMaskCache(cache.root)
        with pytest.raises(
                PseudoMaskCacheError, match='000000.bin.*[Dd]elete'):
            fresh.load(0, 'key 0')
        if place >= start:  # the neighbors are unharmed
            assert (fresh.load(1, 'key 1') == labels(1)).all()


def test_a_wiped_entry_is_not_taken_for_a_broken_image(cache):
    """All zeros mean no map, zeros in a part do not."""
    path = cache.path(0)
    whole = bytearray(path.read_bytes())
    start = len(whole) - 4 * cache.layout.record_size
    whole[start:start + 12] = bytes(12)
    path.write_bytes(whole)
    with pytest.raises(PseudoMaskCacheError, match='is damaged'):
        PseudoMaskCache(cache.root).load(0, 'key 0')


def test_cut_off_and_missing_shards(cache):
    path = cache.path(1)
    path.write_bytes(path.read_bytes()[:-1])
    fresh = PseudoMaskCache(cache.root)
    with pytest.raises(PseudoMaskCacheError, match='bytes instead of'):
        fresh.load(4, 'key 4')
    path.unlink()
    assert not fresh.has_shard(1)
    with pytest.raises(PseudoMaskCacheError, match='not complete.*again'):
        fresh.load(4, 'key 4')


def test_a_shard_in_the_place_of_another(cache):
    cache.path(0).write_bytes(cache.path(1).read_bytes())
    with pytest.raises(PseudoMaskCacheError, match='has the header'):
        PseudoMaskCache(cache.root).load(0, 'key 0')


def test_create_goes_on_with_the_same_header(cache):
    again = PseudoMaskCache.create(cache.root, HEADER)
    assert again.has_shard(0)
    for field, value in (('num_clusters', 4), ('generator', dict(name='y')),
                         ('shard_size', 8)):
        with pytest.raises(PseudoMaskCacheError, match=f'field "{field}"'):
            PseudoMaskCache.create(cache.root, {**HEADER, field: value})


@pytest.mark.parametrize('field, value', [('format', 'other'), ('version', 2),
                                          ('num_samples', 0),
                                          ('num_samples', 2.5),
                                          ('num_clusters', 256),
                                          ('shard_size', True), ('grid', [28]),
                                          ('grid', [28, 10**9]),
                                          ('grid', '28'), ('dataset', 3),
                                          ('generator', None)])
def test_bad_headers(cache, field, value):
    path = cache.root / 'header.json'
    path.write_text(json.dumps({**cache.header, field: value}))
    with pytest.raises(
            PseudoMaskCacheError,
            match=f'header.json: field "{field}".*generate_pseudo_masks'):
        PseudoMaskCache(cache.root)


def test_no_cache(tmp_path):
    with pytest.raises(PseudoMaskCacheError, match='no header.json'):
        PseudoMaskCache(tmp_path)
    (tmp_path / 'header.json').write_text('{')
    with pytest.raises(PseudoMaskCacheError, match='is damaged'):
        PseudoMaskCache(tmp_path)


def test_bad_entries(cache):
    for entry, message in (({
            4: ('k', labels(4))
    }, 'do not belong into shard'), ({
            0: ('k', labels(0, grid=(6, 5)))
    }, 'the shape'), ({
            0: ('k', labels(0) + 1)
    }, 'of 8 clusters'), ({
            0: ('k', labels(0) - 1)
    }, 'of 8 clusters')):
        with pytest.raises(ValueError, match=message):
            cache.write_shard(0, entry)
    assert (PseudoMaskCache(cache.root).load(0, 'key 0') == labels(0)).all()


def test_a_label_that_is_no_cluster(tmp_path):
    """Three bits hold 0 to 7, also with five clusters."""
    few, many = (ShardLayout((5, 6), clusters) for clusters in (5, 8))
    record = many.pack('a', np.full((5, 6), 6))
    assert few.record_size == many.record_size
    with pytest.raises(ShardError, match='has the label 6, but there are 5'):
        few.unpack('a', record)


def test_very_many_samples_in_the_header(cache):
    """Only files that are there are looked at."""
    path = cache.root / 'header.json'
    path.write_text(json.dumps(dict(cache.header, num_samples=2**40)))
    cache.path(2).unlink()  # it had fewer samples
    assert list(PseudoMaskCache(cache.root).without_masks()) == []


def test_leftovers_of_killed_writers_are_not_shards(cache):
    cache.path(1).unlink()
    leftover = cache.path(1).with_name(f'.000001.{"0" * 32}.tmp.bin')
    leftover.write_bytes(b'MML')
    assert not cache.has_shard(1)
    assert list(cache.without_masks()) == []


def test_workers_get_no_copy_of_the_maps(cache):
    cache.load(0, 'key 0')
    data = pickle.dumps(cache)
    assert len(data) < 2000
    assert (pickle.loads(data).load(0, 'key 0') == labels(0)).all()


def test_a_shard_is_replaced_under_readers(cache):
    """A reader sees the old shard or the new one."""
    reader = PseudoMaskCache(cache.root)

    def write(_) -> None:
        PseudoMaskCache(cache.root).write_shard(0, entries(range(4)))

    with ThreadPoolExecutor(4) as pool:
        writes = pool.map(write, range(12))
        for i in range(50):
            reader._files.close()
            assert (reader.load(i % 4, f'key {i % 4}') == labels(i % 4)).all()
        list(writes)


def test_open_files_are_bounded(tmp_path, monkeypatch):
    """CC12M has some thousand shards."""
    monkeypatch.setattr(FilePool, 'limit', 4)
    header = {**HEADER, 'num_samples': 60}
    cache = PseudoMaskCache.create(tmp_path / 'cache', header)
    for shard in range(cache.num_shards):
        cache.write_shard(shard, entries(cache.samples(shard)))
    before = len(os.listdir('/proc/self/fd'))
    for i in list(range(60)) + [0]:
        assert (cache.load(i, f'key {i}') == labels(i)).all()
    assert list(cache.without_masks()) == []
    assert len(os.listdir('/proc/self/fd')) <= before + 4
    mapped = Path('/proc/self/maps').read_text()
    assert str(tmp_path) not in mapped


def test_a_shard_that_is_cut_off_while_it_is_open(cache):
    cache.load(0, 'key 0')
    os.truncate(cache.path(0), 60)
    with pytest.raises(PseudoMaskCacheError, match='was cut off. Delete'):
        cache.load(3, 'key 3')


def test_a_written_shard_is_read_anew(cache):
    for seed in range(3):
        assert cache.load(0, 'key 0') is not None
        cache.write_shard(0, {0: ('key 0', labels(seed))})
        assert (cache.load(0, 'key 0') == labels(seed)).all()
