from __future__ import annotations
import json
import multiprocessing
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from mmlangseg.semires.candidates import (CandidateCache, CandidateCacheError,
                                          Candidates)

HEADER = dict(
    dataset='toy', size=(20, 30), generator=dict(name='x', parameters={}))


def some(seed: int, number: int = 4) -> Candidates:
    rng = np.random.default_rng(seed)
    return Candidates.from_masks(
        rng.random((number, 20, 30)) < 0.5, (20, 30), rng.random(number))


def equal(a: Candidates, b: Candidates) -> bool:
    return a.size == b.size and a.rles == b.rles and all(
        np.array_equal(x, y) and x.dtype == y.dtype
        for x, y in ((a.areas, b.areas), (a.boxes, b.boxes),
                     (a.scores, b.scores)))


@pytest.fixture
def cache(tmp_path) -> CandidateCache:
    return CandidateCache.create(tmp_path / 'cache', HEADER)


def test_save_and_load(cache):
    for img_id, number in ((3, 4), (581857, 1), (12, 0)):
        cache.save(img_id, some(img_id, number))
    again = CandidateCache(cache.root, dict(dataset='toy', size=(20, 30)))
    assert again.size == (20, 30)
    assert sorted(again.ids()) == [3, 12, 581857]
    for img_id, number in ((3, 4), (581857, 1), (12, 0)):
        assert img_id in again
        assert equal(again.load(img_id), some(img_id, number))
    assert 4 not in again and again.load(4) is None


def test_a_cache_without_a_later_field(cache, monkeypatch):
    """It is gone on with, but not by a run that differs in another one."""

    def header(**parameters) -> dict:
        return dict(HEADER, generator=dict(name='x', parameters=parameters))

    notes: list[str] = []
    monkeypatch.setattr('mmlangseg.io.cache_folder.print_log',
                        lambda text, *_: notes.append(text))
    CandidateCache.create(cache.root, HEADER)
    assert not notes
    CandidateCache.create(cache.root, header(sha256=dict(a='12')))
    assert len(notes) == 1
    assert 'does not have generator.parameters.sha256' in notes[0]
    with pytest.raises(CandidateCacheError, match='field "generator"'):
        CandidateCache.create(cache.root, header(sha256='12', side=3))
    with pytest.raises(CandidateCacheError, match='field "generator"'):
        CandidateCache.create(cache.root, dict(HEADER, generator={}))
    # nothing of this was written
    assert CandidateCache(cache.root).header['generator'] == dict(
        name='x', parameters={})


def test_entries_are_spread_over_folders(cache):
    paths = {cache.path(i).parent for i in range(17000)}
    assert len(paths) == 256


def test_interrupted_writers_leave_nothing_visible(cache):
    cache.save(5, some(0))
    folder = cache.path(5).parent
    (folder / '.5.abc.tmp.rle').write_bytes(b'MML')
    assert list(cache.ids()) == [5]


def test_create_goes_on_with_the_same_header(cache):
    cache.save(1, some(1))
    again = CandidateCache.create(cache.root, HEADER)
    assert list(again.ids()) == [1]


@pytest.mark.parametrize(
    'field, value',
    [('dataset', 'other'), ('size', [480, 480]),
     ('generator', dict(name='x', parameters=dict(points_per_side=16)))])
def test_another_header(cache, field, value):
    with pytest.raises(
            CandidateCacheError, match=f'header.json: field "{field}"'):
        CandidateCache.create(cache.root, dict(HEADER, **{field: value}))
    if field != 'generator':
        with pytest.raises(
                CandidateCacheError, match=f'header.json: field "{field}"'):
            CandidateCache(cache.root, {field: value})


@pytest.mark.parametrize('change', [
    dict(format='zip'),
    dict(version=2),
    dict(size=[0, 5]),
    dict(size=3),
    dict(size=[1, 2, 3]),
    dict(dataset=3),
    dict(generator=None),
    dict(resize='nearest'),
    dict(resize=['center'])
])
def test_damaged_header(cache, change):
    path = cache.root / 'header.json'
    path.write_text(json.dumps(dict(cache.header, **change)))
    with pytest.raises(
            CandidateCacheError,
            match=f'field "{next(iter(change))}".*generate'):
        CandidateCache(cache.root)


@pytest.mark.parametrize('text', ['', '[]', '{', '[' * 10**5])
def test_unreadable_header(cache, text):
    (cache.root / 'header.json').write_text(text)
    with pytest.raises(CandidateCacheError, match='header.json'):
        CandidateCache(cache.root)


def test_no_cache(tmp_path):
    with pytest.raises(CandidateCacheError, match='generate_candidates.py'):
        CandidateCache(tmp_path)


def head(number=4, height=20, width=30, img_id=9) -> bytes:
    return struct.pack('<4sIIIq', b'MMLC', height, width, number, img_id)


def body(data: bytes) -> bytes:
    return zlib.decompress(data[24:])


def put(data: bytes, place: int, new: bytes) -> bytes:
    """Change the body of an entry, which zlib's checksum then belongs to."""
    old = body(data)
    return data[:24] + zlib.compress(old[:place] + new +
                                     old[place + len(new):])


@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda d: b'', 'magic'),
        (lambda d: b'ZZ' + d[2:], 'magic'),
        (lambda d: d[:15], 'magic'),
        (lambda d: d[:-5], 'masks'),
        (lambda d: d[:90] + b'\0\0\0\0' + d[94:], 'masks'),
        (lambda d: head(number=10**9) + d[24:], 'field "N"'),
        (lambda d: head(number=3) + d[24:], 'lengths'),
        (lambda d: d[:24] + zlib.compress(body(d)[:-1]), 'lengths'),
        # four masks: areas at 0, boxes at 16, scores at 48, lengths at 64
        (lambda d: put(d, 4, b'\7\0\0\0'), 'field "areas": mask 1 has .* not 7'
         ),
        (lambda d: put(d, 16, b'\2'), r'field "boxes": mask 0 has .* not \[2'),
        (lambda d: put(d, 56, b'\0\0\xc0\x7f'),
         '"scores" of mask 2 is not a fin'),
        (lambda d: put(d, 64, b'\xff' * 16), 'field "lengths"'),
        (lambda d: put(d, 80, b'\0'), '"masks": "counts" has characters'),
        (lambda d: put(d, 80, b'@'),
         '"masks": "counts" of mask 0 does not add'),
        (lambda d: put(d,
                       len(body(d)) - 1, b'o'), '"masks": "counts" is cut'),
        (lambda d: d + b'\0', 'field "masks": more bytes follow'),
        (lambda d: d[:24] + zlib.compress(bytes(10**8)), 'field "lengths"'),
        (lambda d: head(number=4 * 10**9) + d[24:], 'field "N"'),
        (lambda d: head(img_id=8) + d[24:], 'field "image id": it is 8'),
        (lambda d: head(height=21) + d[24:],
         r'field "size": it is \(21, 30\)'),
    ])
def test_corrupted_entry(cache, damage, message):
    cache.save(9, some(0))
    path = cache.path(9)
    path.write_bytes(damage(path.read_bytes()))
    tracemalloc.start()
    with pytest.raises(CandidateCacheError, match=message) as error:
        cache.load(9)
    # not what the file says, or what zlib could make of it
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    assert str(path) in str(error.value)
    assert 'generate_candidates.py' in str(error.value)


def test_candidates_of_another_size(cache):
    with pytest.raises(ValueError, match='do not belong into'):
        cache.save(1, some(0).resized((480, 480)))
    assert list(cache.ids()) == []


def write_all(root: str, seed: int) -> None:
    cache = CandidateCache.create(root, HEADER)
    for img_id in range(20):
        cache.save(img_id, some(seed))


def test_many_writers(tmp_path):
    """Every entry is that of one of the writers, whole."""
    root, context = str(tmp_path / 'cache'), multiprocessing.get_context(
        'fork' if os.name == 'posix' else 'spawn')
    writers = [
        context.Process(target=write_all, args=(root, seed))
        for seed in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    cache = CandidateCache(root)
    assert sorted(cache.ids()) == list(range(20))
    for img_id in range(20):
        assert any(equal(cache.load(img_id), some(s)) for s in range(3))
    files = [p for p in cache.root.rglob('*') if p.is_file()]
    assert len(files) == 21


def test_small_on_disk(cache, tmp_path):
    """Against the released lists of the same masks."""
    root = CandidateCache.create(tmp_path / 'b', dict(HEADER, size=[480, 480]))
    rows, columns = np.mgrid[:480, :480]
    rng = np.random.default_rng(0)
    masks = [
        np.hypot(rows - y, (columns - x) * 1.3) < r
        for y, x, r in rng.uniform(60, 400, (30, 3)) * (1, 1, 0.3)
    ]
    released = 0
    for mask in masks:
        flat = np.r_[0, mask.ravel('F'), 0].astype(np.int8)
        edges = np.flatnonzero(np.diff(flat)).reshape(-1, 2)
        pairs = np.stack([edges[:, 0] + 1, edges[:, 1] - edges[:, 0]], 1)
        item = dict(counts=pairs.ravel().tolist(), size=[480, 480])
        released += len(json.dumps(item))
    root.save(1, Candidates.from_masks(masks))
    assert released > 10 * root.path(1).stat().st_size
