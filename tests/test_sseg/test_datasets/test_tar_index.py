from __future__ import annotations
import gzip
import os
import re
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pair_data import pairs, write_tar

from mmlangseg.sseg.datasets.index_tars import index_tars
from mmlangseg.sseg.datasets.tar_index import (TarIndexError, build_tar_index,
                                               index_path, load_tar_index,
                                               split_key)

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def keys(index) -> list[str]:
    return [index.keys[i] for i in range(len(index.keys))]


def contents(tar: Path, index, part: str) -> list[bytes]:
    data = tar.read_bytes()
    return [
        data[512 * int(row[part]):][:int(row[f'{part}_size'])]
        for row in index.samples
    ]


@pytest.mark.parametrize('name, expected', [
    ('000.jpg', ('000', 'jpg')),
    ('a/b.c/0.JPEG', ('a/b.c/0', 'jpeg')),
    ('0.seg.png', ('0', 'seg.png')),
    ('readme', ('readme', '')),
])
def test_key(name, expected):
    assert split_key(name) == expected


@pytest.mark.parametrize('form', FORMATS)
def test_agrees_with_tarfile(tmp_path, form):
    """Offsets and sizes, also of names that need long-name headers."""
    folder = '/'.join(['a' * 60, 'b' * 60])  # beyond the 100 of a header
    members = [(f'{folder}/{i}.{suffix}', bytes([65 + i]) * (700 * i + size))
               for i in range(3)
               for suffix, size in (('jpg', 1000), ('txt', 0), ('json', 512))]
    tar = write_tar(tmp_path / 'a.tar', members, form)
    index = build_tar_index(tar)
    assert keys(index) == [f'{folder}/{i}' for i in range(3)]
    with tarfile.open(tar) as file:
        for member in file:
            key, suffix = split_key(member.name)
            row = index.samples[keys(index).index(key)]
            part = 'image' if suffix == 'jpg' else suffix
            assert row[part] * 512 == member.offset_data
            assert row[f'{part}_size'] == member.size
    assert contents(tar, index, 'image') == [m[1] for m in members[::3]]


def test_names_that_are_not_ascii(tmp_path):
    members = [('Größe.jpg', b'x'), ('Größe.txt', b'y'), ('\udcff.jpg', b'x'),
               ('\udcff.txt', b'y')]
    for form in FORMATS[1:]:
        index = build_tar_index(write_tar(tmp_path / 'a.tar', members, form))
        assert keys(index) == ['Größe', '\udcff']


def test_counts(tmp_path):
    members = [
        ('0.jpg', b'i'), ('1.png', b'i'), ('0.txt', b'c'),  # no neighbors
        ('1.json', b'{}'), ('2.webp', b'i'), ('3.txt', b'c'),
        ('0.jpeg', b'j'), ('0.txt', b'd'), ('4.seg.png', b'i'),
        ('readme.md', b'r'), ('4.JPG', b'i'), ('4.TXT', b'c')
    ]  # yapf: disable
    tar = write_tar(tmp_path / 'a.tar', members)
    index = build_tar_index(tar)
    assert keys(index) == ['0', '1', '4']
    assert contents(tar, index, 'image') == [b'i'] * 3  # the first one
    assert index.samples['txt'][1] == 0 < index.samples['json'][1]
    counts = index.counts
    assert (counts.pairs, counts.image_only, counts.caption_only,
            counts.other) == (3, 1, 1, 2)
    assert counts.refused == dict(duplicate=2)
    assert not counts.damage


def test_refused_members(tmp_path):

    def special(kind: bytes) -> tarfile.TarInfo:
        info = tarfile.TarInfo()
        info.type, info.linkname = kind, '/etc/passwd'
        return info

    members = [('/abs/0.jpg', b'i'), ('/abs/0.txt', b'c'), ('../1.jpg', b'i'),
               ('a/../../1.txt', b'c'), ('2.jpg', special(tarfile.SYMTYPE)),
               ('2.txt', special(tarfile.LNKTYPE)),
               ('3.jpg', special(tarfile.CHRTYPE)),
               ('4.jpg', special(tarfile.FIFOTYPE)),
               ('folder', special(tarfile.DIRTYPE)), ('./5.jpg', b'i'),
               ('./5.txt', b'c')]
    tar = write_tar(tmp_path / 'a.tar', members)
    # the standard library would make names relative when it writes them
    assert {m.name for m in tarfile.open(tar)} > {'/abs/0.jpg', '../1.jpg'}
    index = build_tar_index(tar)
    assert keys(index) == ['./5']
    assert index.counts.refused == dict(path=4, link=2, device=2)
    assert index.counts.first_refused == '/abs/0.jpg'


# of 3 members of 512 bytes and their headers
@pytest.mark.parametrize('size, whole, why', [
    (3072, 3, 'byte 3072: the file ends here without an end mark'),
    (3000, 2, "byte 2048: '0.json' of 512 bytes is cut off"),
    (2100, 2, 'byte 2048: the file ends within a header'),
    (700, 0, "byte 0: '0.jpg' of 512 bytes is cut off"),
    (0, 0, 'byte 0: the file ends here'),
])
def test_truncated(tmp_path, size, whole, why):
    members = [(f'0.{suffix}', b'x' * 512)
               for suffix in ('jpg', 'txt', 'json')]
    tar = write_tar(tmp_path / 'a.tar', members)
    os.truncate(tar, size)
    index = build_tar_index(tar)
    assert why in index.counts.damage
    assert index.counts.pairs == (whole >= 2)
    if whole >= 2:
        assert (index.samples['json'][0] > 0) == (whole == 3)
    with pytest.raises(TarIndexError, match='a.tar is damaged at byte'):
        build_tar_index(tar, strict=True)


def test_last_padding_may_be_missing(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', [('0.jpg', b'x' * 512),
                                         ('0.txt', b'abc')])
    os.truncate(tar, 512 * 3 + 3)
    assert build_tar_index(tar).counts.pairs == 1


def header(size: bytes,
           kind: bytes = tarfile.REGTYPE,
           name: str = '1.jpg') -> bytes:
    """A header with a correct checksum and any size field."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[148:156] = b' ' * 8
    block[148:156] = b'%06o\0 ' % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    'block, why',
    [
        (header(b'77777777777\0'), 'is cut off'),  # 8 GB
        (header(b'\x80\x00\x00\x00\x7f' + b'\xff' * 7), 'is cut off'),
        (header(b'\xff' * 11 + b'\0'), 'has the size -'),
        (header(b'99999999999\0'), 'there is no header of a tar'),
        (header(b'77777777777\0', tarfile.GNUTYPE_LONGNAME), 'is cut off'),
        (header(b'\xff' * 12, tarfile.XHDTYPE), 'has the size -'),
        (header(b'00000000000\0', tarfile.GNUTYPE_SPARSE), 'is a sparse file'),
        (b'\x01' * 512, 'there is no header of a tar'),
    ])
def test_hostile_header(tmp_path, block, why):
    """What is before it is used, and nothing large is read."""
    tar = write_tar(tmp_path / 'a.tar', pairs(1))
    data = tar.read_bytes().rstrip(b'\0')
    data += b'\0' * (-len(data) % 512)
    tar.write_bytes(data + block + bytes(2048))
    index = build_tar_index(tar)
    assert f'at byte {len(data)}' in index.counts.damage
    assert why in index.counts.damage
    assert keys(index) == ['000000000']


@pytest.mark.parametrize('records, why', [
    (b'14 size=12345\n', 'is cut off'),
    (b'11 size=-5\n', 'a pax header says "size=-5"'),
    (b'0 path=a.jpg\n', 'a pax header is malformed'),
    (b'22 GNU.sparse.major=1\n', 'is a sparse file'),
])
def test_hostile_pax(tmp_path, records, why):
    pax = header(b'%011o\0' % len(records), tarfile.XHDTYPE)
    tar = tmp_path / 'a.tar'
    tar.write_bytes(pax + records.ljust(512, b'\0') + header(b'%011o\0' % 3) +
                    b'abc'.ljust(1536, b'\0'))
    assert why in build_tar_index(tar).counts.damage


def test_pax_overrides(tmp_path):
    """Name and size of a pax header count, not those of the member's."""
    records = b'15 path=7.json\n9 size=2\n'
    tar = tmp_path / 'a.tar'
    empty = b'%011o\0' % 0
    tar.write_bytes(
        header(b'%011o\0' % len(records), tarfile.XHDTYPE) +
        records.ljust(512, b'\0') + header(empty) + b'{}'.ljust(512, b'\0') +
        header(empty, name='7.jpg') + bytes(1024))
    index = build_tar_index(tar)
    assert keys(index) == ['7'] and index.samples['json_size'] == 2
    assert not index.counts.damage


@pytest.mark.parametrize('size', [1, 1 << 20])
def test_several_tars_in_one_file(tmp_path, size):
    tar = write_tar(tmp_path / 'a.tar', pairs(1))
    second = write_tar(tmp_path / 'b.tar', [('5.jpg', bytes(size))])
    tar.write_bytes(tar.read_bytes() + second.read_bytes())
    index = build_tar_index(tar)
    assert index.counts.pairs == 1
    assert 'bytes behind the end mark were not read' in index.counts.damage
    assert 'tar --ignore-zeros' in index.counts.damage


def test_padding_behind_the_end_mark(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(1))
    tar.write_bytes(tar.read_bytes() + bytes(1 << 16))
    assert not build_tar_index(tar).counts.damage


def test_compressed(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(1))
    tar.write_bytes(gzip.compress(tar.read_bytes()))
    with pytest.raises(TarIndexError, match='a.tar is compressed with gzip'):
        build_tar_index(tar)


def test_no_tar(tmp_path):
    (tmp_path / 'a.tar').write_text('<html>not found</html>' * 100)
    index = build_tar_index(tmp_path / 'a.tar')
    assert index.counts.pairs == 0 and 'at byte 0' in index.counts.damage


@pytest.mark.skipif(
    not Path('/proc/self/io').exists(), reason='needs the counters of Linux')
def test_contents_are_not_read(tmp_path):
    tar = write_tar(tmp_path / 'a.tar',
                    [(f'{i}.{suffix}', b'x' * size) for i in range(8)
                     for suffix, size in (('jpg', 1 << 20), ('txt', 10))])

    def bytes_read() -> int:
        line = Path('/proc/self/io').read_text().splitlines()[0]
        return int(line.split()[1])

    before = bytes_read()
    assert build_tar_index(tar).counts.pairs == 8
    assert bytes_read() - before < 0.03 * tar.stat().st_size


def test_save_and_load(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    path = index_path(tar)
    assert path == f'{tar}.index.npz'
    assert load_tar_index(tar, path) is None
    index = build_tar_index(tar)
    index.save(path)
    loaded = load_tar_index(tar, path)
    assert np.array_equal(loaded.samples, index.samples)
    assert keys(loaded) == keys(index) and loaded.counts == index.counts
    assert len(load_tar_index(tar, path, counts_only=True).samples) == 0


def test_stale_or_damaged_index(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    path = index_path(tar)
    build_tar_index(tar).save(path)
    stat = tar.stat()
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert load_tar_index(tar, path) is None  # another time
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert load_tar_index(tar, path) is not None
    data = tar.read_bytes()
    tar.write_bytes(data + bytes(512))
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert load_tar_index(tar, path) is None  # another size

    tar.write_bytes(data)
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    whole = Path(path).read_bytes()
    for broken in (b'', whole[:len(whole) // 2], b'x' * 100):
        Path(path).write_bytes(broken)
        assert load_tar_index(tar, path) is None
    index = build_tar_index(tar)
    index.samples['image'][1] = 1 << 20  # far behind the end of the tar
    index.save(path)
    assert load_tar_index(tar, path) is None


def same(a, b) -> bool:
    return (keys(a) == keys(b) and a.counts == b.counts
            and np.array_equal(a.samples, b.samples))


def test_index_damaged_anywhere(tmp_path):
    """It is made again, whatever a byte is changed to."""
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    whole = build_tar_index(tar)
    path = tmp_path / 'i.npz'
    whole.save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(400):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(damaged)
        index = load_tar_index(tar, path)
        if index is not None:  # zip has bytes that nobody reads
            accepted += 1
            assert same(index, whole)
    assert 0 < accepted < 200


@pytest.mark.parametrize('name, change', [
    ('samples', lambda a: a[0]),
    ('samples', lambda a: a[:2]),
    ('samples', lambda a: np.zeros(3)),
    ('ends', lambda a: a[::-1]),
    ('ends', lambda a: a.astype(np.float64)),
    ('ends', lambda a: a[0]),
    ('keys', lambda a: a[0]),
    ('keys', lambda a: a.astype(np.int64)),
    ('keys', lambda a: np.broadcast_to(a[:1], (10**6, ))),
])
def test_index_with_other_arrays(tmp_path, name, change):
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    path = tmp_path / 'i.npz'
    build_tar_index(tar).save(path)
    arrays = dict(np.load(path))
    np.savez(path, **arrays)
    assert load_tar_index(tar, path) is not None
    np.savez(path, **dict(arrays, **{name: change(arrays[name])}))
    assert load_tar_index(tar, path) is None


@pytest.mark.parametrize('change', [
    dict(pairs='3'),
    dict(refused=[]),
    dict(refused=dict(path='x')),
    dict(damage=None),
    dict(other=1.5)
])
def test_index_with_other_counts(tmp_path, change):
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    path = tmp_path / 'i.npz'
    index = build_tar_index(tar)
    vars(index.counts).update(change)
    index.save(path)
    assert load_tar_index(tar, path, counts_only=True) is None


def test_array_larger_than_the_index(tmp_path):
    """Its header alone names the shape; no memory is taken for it."""
    tar = write_tar(tmp_path / 'a.tar', pairs(3))
    path = tmp_path / 'i.npz'
    build_tar_index(tar).save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files['keys.npy'] = re.sub(
        rb'\(\d+,\), \} *\n',
        lambda found: b'(9999999999,), }'.ljust(len(found[0]) - 1) + b'\n',
        files['keys.npy'])
    assert b'9999999999' in files['keys.npy']
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    tracemalloc.start()
    assert load_tar_index(tar, path) is None
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


def test_tar_damaged_anywhere(tmp_path):
    """What is whole is listed; what is not is no crash."""
    tar = write_tar(tmp_path / 'a.tar', pairs(3), tarfile.PAX_FORMAT)
    data = tar.read_bytes()
    rng = np.random.default_rng(0)
    headers = [i for i in range(len(data)) if data[i] and i % 512 < 345]
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.choice(headers)] = rng.integers(256)
        tar.write_bytes(damaged)
        try:
            index = build_tar_index(tar)
        except TarIndexError as error:
            assert str(tar) in str(error)
            continue
        assert len(index.samples) <= 3


def test_tars_of_the_same_name(tmp_path):
    tars = [
        write_tar(tmp_path / folder / '0.tar', pairs(number))
        for number, folder in enumerate('ab', 1)
    ]
    results = index_tars(tars, tmp_path / 'index')
    assert [result.counts.pairs for result in results] == [1, 2]
    assert [result.built for result in results] == [True, True]
    assert len(list((tmp_path / 'index').iterdir())) == 2
    assert sorted(os.listdir(tmp_path / 'a')) == ['0.tar']
    results = index_tars(tars, tmp_path / 'index')
    assert [result.built for result in results] == [False, False]


def test_many_tars(tmp_path):
    tars = [write_tar(tmp_path / f'{i}.tar', pairs(i)) for i in range(4)]
    tars[1].write_bytes(gzip.compress(b'nothing'))
    seen = []
    results = index_tars(
        tars, tmp_path / 'a', first=2, progress=lambda r: seen.append(r.tar))
    assert [Path(tar).stem for tar in seen] == ['2', '3', '0', '1']
    assert [result.counts.pairs for result in results] == [0, 0, 2, 3]
    assert ['compressed' in result.error for result in results] == \
        [False, True, False, False]
    parallel = index_tars(tars, tmp_path / 'b', processes=2)
    assert parallel == results
    for tar in tars[2:]:
        one, two = (
            load_tar_index(tar, index_path(tar, tmp_path / folder))
            for folder in 'ab')
        assert np.array_equal(one.samples, two.samples)


def test_strict_refuses_a_saved_index(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(2))
    os.truncate(tar, 3000)
    assert index_tars([tar])[0].counts.damage
    assert 'is damaged' in index_tars([tar], strict=True)[0].error


def test_index_cannot_be_written(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', pairs(1))
    (tmp_path / 'file').write_text('')
    result, = index_tars([tar], tmp_path / 'file')
    assert 'cannot be written' in result.error
    assert 'index_dir' in result.error
