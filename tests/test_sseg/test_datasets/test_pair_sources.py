from __future__ import annotations
import json
import logging
import os
import pickle
from functools import partial
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from pair_data import pairs, picture, write_tar

from mmlangseg.sseg.datasets import (PAIR_SOURCES, BrokenPairError,
                                     FolderSource, JSONLSource, TableSource,
                                     TarIndexError, TarSource, find_tars)
from mmlangseg.sseg.datasets.file_limit import raise_file_limit
from mmlangseg.sseg.datasets.file_pool import FilePool, check_stamp, file_stamp
from mmlangseg.sseg.datasets.tar_index import index_path, load_tar_index


def texts(source) -> list[str]:
    return [source.read(i)['text'] for i in range(len(source))]


def loaded(source):
    source.load()
    return source


# --- tars


@pytest.fixture
def tars(tmp_path) -> Path:
    write_tar(tmp_path / '00000.tar', pairs(2))
    write_tar(tmp_path / '00001.tar', [])
    write_tar(tmp_path / '00002.tar', pairs(3, 2))
    return tmp_path


def test_tars(tars):
    source = TarSource('*.tar', str(tars))
    found = source.load()
    assert '5 pairs in 3 tars' in found and '0 members refused' in found
    assert len(source) == 5
    assert source.read(3) == dict(
        img_bytes=picture(3, suffix='jpg'),
        text='caption 3 of a dog',
        key='00002.tar/000000003')
    assert source.group_starts().tolist() == [0, 2]


def test_built_by_the_registry_without_a_warning(tars, monkeypatch):
    init_default_scope('mmseg')
    warnings = []

    def note(text: str, logger: str, level: int = logging.INFO) -> None:
        warnings.extend([text] if level > logging.INFO else [])

    monkeypatch.setattr('mmengine.logging.print_log', note)
    source = PAIR_SOURCES.build(
        dict(type='TarSource', tars=str(tars / '*.tar')))
    assert isinstance(source, TarSource)
    assert warnings == []


def test_json_captions(tars):
    source = loaded(TarSource('*.tar', str(tars), captions=('json', )))
    assert texts(source) == [f'json {i}' for i in range(5)]
    source = loaded(TarSource('*.tar', str(tars), captions=('json', 'txt')))
    assert texts(source)[0] == 'json 0'


def test_samples_without_the_wanted_caption(tmp_path):
    """RedCaps has .json, other sets .txt; what is not wanted is counted."""
    write_tar(tmp_path / 'a.tar', [('0.jpg', b'i'),
                                   ('0.json', b'{"raw_caption": "Raw"}'),
                                   ('1.jpg', b'j'), ('1.txt', b'text')])
    source = TarSource('a.tar', str(tmp_path), json_field='raw_caption')
    source.load()
    assert texts(source) == ['Raw', 'text']
    source = TarSource('a.tar', str(tmp_path), captions=('txt', ))
    assert '1 pairs without .txt' in source.load()
    assert texts(source) == ['text']
    assert source.read(0)['key'] == 'a.tar/1'
    with pytest.raises(ValueError, match='captions'):
        TarSource('a.tar', captions=('xml', ))


def test_far_captions(tmp_path):
    """All captions in front of, or far behind, the images."""
    images = [(f'{i}.jpg', bytes([i]) * 20000) for i in range(3)]
    captions = [(f'{i}.txt', b'caption %d' % i) for i in range(3)]
    for members in (captions + images, images + captions):
        write_tar(tmp_path / 'a.tar', members)
        source = loaded(TarSource('a.tar', str(tmp_path)))
        for i in range(3):
            item = source.read(i)
            assert item['img_bytes'] == images[i][1]
            assert item['text'] == f'caption {i}'


@pytest.mark.parametrize('name, caption', [('0.txt', b''), ('0.txt', b' \n'),
                                           ('0.txt', b'12:30 !?'),
                                           ('0.txt', b'\xff\xfe'),
                                           ('0.json', b'{"caption": null}'),
                                           ('0.json', b'{"text": "a"}'),
                                           ('0.json', b'[1]'),
                                           ('0.json', b'{"ca'),
                                           ('0.json', b'[' * 100000),
                                           ('0.json', b'{"caption": 7}')])
def test_broken_captions(tmp_path, name, caption):
    write_tar(tmp_path / 'a.tar', [('0.jpg', b'i'), (name, caption)])
    source = loaded(TarSource('a.tar', str(tmp_path)))
    with pytest.raises(BrokenPairError, match='a.tar/0: caption') as error:
        source.read(0)
    assert error.value.part == 'caption'
    copy = pickle.loads(pickle.dumps(error.value))  # out of a worker
    assert str(copy) == str(error.value) and copy.part == 'caption'


def test_captions_are_put_on_a_line(tmp_path):
    text = '\ufeffa  dog,\n a Größe '.encode()
    write_tar(tmp_path / 'a.tar', [('0.jpg', b'i'), ('0.txt', text)])
    assert texts(loaded(TarSource('a.tar', str(tmp_path)))) == \
        ['a dog, a Größe']


@pytest.mark.parametrize('escaped, expected', [
    (r'a dog \ud83d', 'a dog \ufffd'),
    (r'\ude00 a dog', '\ufffd a dog'),
    (r'a \ud83d\ude00 dog \ud83dx', 'a \U0001f600 dog \ufffdx'),
])
def test_half_characters(tmp_path, escaped, expected):
    """Valid JSON, but no text: neither files nor tokenizers take it."""
    write_tar(tmp_path / 'a.tar',
              [('0.jpg', b'i'),
               ('0.json', b'{"caption": "%s"}' % escaped.encode())])
    text, = texts(loaded(TarSource('a.tar', str(tmp_path))))
    assert text == expected
    text.encode()


def test_no_tar(tars):
    with pytest.raises(FileNotFoundError, match='no file matches .*/x-.*tar'):
        loaded(TarSource('x-*.tar', str(tars)))
    with pytest.raises(TarIndexError, match='no pair in 1 tars, .*00001.tar,'):
        loaded(TarSource('00001.tar', str(tars)))
    os.truncate(tars / '00002.tar', 0)
    with pytest.raises(
            TarIndexError, match='00002.tar, which is damaged at byte 0: the'):
        loaded(TarSource('0000[12].tar', str(tars)))


def test_index_is_damaged_behind_its_counts(tars):
    source = TarSource('00002.tar', str(tars))
    source.load()
    index = Path(index_path(tars / '00002.tar'))
    data = bytearray(index.read_bytes())
    data[data.index(b'000000002')] ^= 1  # in the keys, which have a checksum
    index.write_bytes(data)
    assert load_tar_index(tars / '00002.tar', index, counts_only=True)
    assert loaded(source).read(0)['key'] == '00002.tar/000000002'
    assert load_tar_index(tars / '00002.tar', index) is not None


def test_names_with_dots_in_a_tar(tmp_path):
    """Nothing is found in them, which the message must explain."""
    members = [('img.1.jpg', b'i'), ('img.1.txt', b'a dog')]
    write_tar(tmp_path / 'a.tar', members)
    named = ('2 members that are neither .the first: \'img.1.jpg\'; the '
             'extension is all behind the first dot')
    with pytest.raises(TarIndexError, match=named):
        TarSource('a.tar', str(tmp_path)).load()
    write_tar(tmp_path / 'b.tar', pairs(1))
    assert 'members that are neither' in \
        TarSource('*.tar', str(tmp_path)).load()
    assert 'neither' not in TarSource('b.tar', str(tmp_path)).load()


def test_find_tars(tars):
    names = [str(tars / f'0000{i}.tar') for i in range(3)]
    assert find_tars(str(tars)) == names
    assert find_tars(['0*.tar', '00001.tar'], str(tars)) == names
    assert find_tars('{00000..00002}.tar', str(tars)) == names
    with pytest.raises(FileNotFoundError, match='00003.tar .2 of the 5'):
        find_tars('{00000..00004}.tar', str(tars))


def test_brackets_in_the_root(tmp_path):
    tar = write_tar(tmp_path / 'a[1]' / '0.tar', pairs(1))
    for pattern in ('', '*.tar', '0.tar', '{0..0}.tar'):
        assert find_tars(pattern, str(tar.parent)) == [str(tar)]


def test_truncated_tar_is_reported(tars, monkeypatch):
    tar = tars / '00002.tar'
    os.truncate(tar, 5000)
    warnings = []
    monkeypatch.setattr('mmlangseg.sseg.datasets.tar_source.print_log',
                        lambda text, *_, **__: warnings.append(text))
    source = TarSource('*.tar', str(tars))
    assert '1 tars damaged' in source.load()
    assert len(source) == 3
    assert len(warnings) == 1
    assert f'{tar} is damaged at byte 5000: ' in warnings[0]
    assert warnings[0].endswith('. 1 pairs before that are used')
    with pytest.raises(TarIndexError, match='1 of 3 tars .*\n.*00002.tar is'):
        TarSource('*.tar', str(tars), strict=True).load()


def test_tar_that_changes_under_way(tars):
    source = loaded(TarSource('*.tar', str(tars)))
    write_tar(tars / '00000.tar', pairs(4))
    with pytest.raises(RuntimeError, match='00000.tar has changed'):
        source.read(0)
    assert source.read(2)['text'] == 'caption 2 of a dog'
    os.truncate(tars / '00002.tar', 600)  # while it is open
    with pytest.raises(BrokenPairError, match='is cut off'):
        source.read(4)


def test_source_travels_to_workers_in_arrays(tmp_path):
    """Spawned workers get a copy, which must be small."""
    members = [(f'{i:09d}.{suffix}', b'x') for i in range(2000)
               for suffix in ('jpg', 'txt')]
    write_tar(tmp_path / 'a.tar', members)
    source = loaded(TarSource('a.tar', str(tmp_path)))
    assert source.read(7)['key'] == 'a.tar/000000007'  # a file is open
    data = pickle.dumps(source)
    assert len(data) < 40 * 2000
    assert pickle.loads(data).read(7) == source.read(7)


def open_files() -> int:
    return len(os.listdir('/proc/self/fd'))


def test_open_files_are_bounded(tmp_path, monkeypatch):
    """All pools of a process share the limit."""
    monkeypatch.setattr(FilePool, 'limit', 2)
    pools = [FilePool(), FilePool()]
    for name in 'abc':
        (tmp_path / name).write_text(name * 3)
    pools[0].read(str(tmp_path / 'a'), 0, 1)
    pools[0].read(str(tmp_path / 'b'), 0, 1)  # the pool is full
    full = open_files()
    for number, name in enumerate('abcacb'):
        path = str(tmp_path / name)
        check = partial(check_stamp, path, file_stamp(path))
        assert pools[number % 2].read(path, 1, 5, check) == name.encode() * 2
        assert open_files() == full
    pools[0].close()
    del pools[1]
    assert open_files() == full - 2


def test_open_files_of_all_sources_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(FilePool, 'limit', 2)
    sources = []
    for folder in 'abc':
        for i in range(3):
            write_tar(tmp_path / folder / f'{i}.tar', pairs(1))
        sources.append(loaded(TarSource(f'{folder}/*.tar', str(tmp_path))))
    before = open_files()
    for source in sources:
        assert texts(source) == ['caption 0 of a dog'] * 3
        assert open_files() <= before + 2


def test_a_file_that_is_refused_is_closed(tmp_path):
    (tmp_path / 'a').write_text('a')

    def refuse(handle: int) -> None:
        raise ValueError('refused')

    pool, before = FilePool(), open_files()
    for _ in range(2):
        with pytest.raises(ValueError, match='refused'):
            pool.read(str(tmp_path / 'a'), 0, 1, refuse)
    assert open_files() == before


def test_file_limit_is_raised(monkeypatch):
    resource = pytest.importorskip('resource')
    limits = [100, 4096]
    monkeypatch.setattr(resource, 'getrlimit', lambda _: tuple(limits))
    monkeypatch.setattr(resource, 'setrlimit',
                        lambda _, pair: limits.__setitem__(slice(2), pair))
    raise_file_limit()
    assert limits == [4096, 4096]
    limits[:] = 100, resource.RLIM_INFINITY
    raise_file_limit()
    assert limits == [1 << 16, resource.RLIM_INFINITY]
    limits[0] = 1 << 20
    raise_file_limit()
    assert limits[0] == 1 << 20  # nothing to do
    monkeypatch.setattr('mmlangseg.sseg.datasets.file_limit.resource', None)
    raise_file_limit()


# --- folders


def write_files(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def test_folder(tmp_path):
    write_files(
        tmp_path / 'set', {
            '00000/1.JPG': 'i',
            '00000/1.txt': 'a dog',
            '00000/1.json': '{"caption": "json"}',
            '00001/0.png': 'j',
            '00001/0.json': '{"caption": "a cat"}',
            '00001/2.webp': 'alone',
            '3.txt': 'alone',
            'notes.md': ''
        })
    source = FolderSource('set', str(tmp_path))
    found = source.load()
    assert '2 pairs' in found and '1 images without caption' in found
    assert '1 captions without image' in found
    assert [source.read(i) for i in range(2)] == [
        dict(
            img_path=str(tmp_path / 'set/00000/1.JPG'),
            text='a dog',
            key='00000/1'),
        dict(
            img_path=str(tmp_path / 'set/00001/0.png'),
            text='a cat',
            key='00001/0')
    ]
    (tmp_path / 'set/00000/1.txt').unlink()
    with pytest.raises(
            BrokenPairError, match='^00000/1.txt: caption cannot be read'):
        source.read(0)
    source = loaded(FolderSource('set', str(tmp_path), captions=['json']))
    assert texts(source) == ['json', 'a cat']


def test_folder_without_pairs(tmp_path):
    with pytest.raises(FileNotFoundError, match='none is not a folder'):
        FolderSource('none', str(tmp_path)).load()
    write_files(tmp_path, {'a.jpg': 'i', 'a.caption': 'text'})
    with pytest.raises(FileNotFoundError, match='0 pairs .* 1 images without'):
        FolderSource(str(tmp_path)).load()


def test_names_with_dots(tmp_path):
    """As a Mac names its screenshots."""
    names = ['Screenshot 2024-01-02 at 10.30.15', 'IMG.1', 'IMG.2']
    write_files(tmp_path, {f'{name}.PNG': 'i' for name in names})
    write_files(tmp_path, {f'{name}.txt': f'of {name}' for name in names})
    source = loaded(FolderSource(str(tmp_path)))
    assert texts(source) == [f'of {name}' for name in sorted(names)]
    assert source.read(0)['key'] == 'IMG.1'


def test_links_to_folders_are_followed_once(tmp_path):
    write_files(
        tmp_path, {
            'other/1.jpg': 'i',
            'other/1.txt': 'a dog',
            'set/0.jpg': 'i',
            'set/0.txt': 'a cat',
        })
    for name, target in (('a', 'other'), ('b', 'other'), ('round', 'set')):
        (tmp_path / 'set' / name).symlink_to(tmp_path / target)
    source = loaded(FolderSource('set', str(tmp_path)))
    assert texts(source) == ['a cat', 'a dog']
    assert [source.read(i)['key'] for i in range(2)] == ['0', 'a/1']


# --- TSV


@pytest.fixture
def images(tmp_path) -> Path:
    return write_files(tmp_path / 'images',
                       {f'{name}.jpg': 'i'
                        for name in 'abc'})


URLS = [f'http://host.example/x/{name}.jpg?size=1' for name in 'abcd']
CAPTIONS = ['a dog', 'http://odd.example/ is a caption', 'a cat', 'gone']


@pytest.mark.parametrize('header', [True, False])
@pytest.mark.parametrize('rows, order', [
    (list(zip(CAPTIONS, URLS)), 'image in column 1, caption in column 0'),
    (list(zip(URLS, CAPTIONS)), 'image in column 0, caption in column 1'),
])
def test_table(tmp_path, images, rows, order, header):
    """CC3M is caption, url; CC12M url, caption."""
    if header:
        rows = [('url', 'caption') if '0, c' in order else
                ('Caption', 'URL')] + rows
    write_files(tmp_path,
                {'pairs.tsv': ''.join(f'{a}\t{b}\r\n' for a, b in rows)})
    source = TableSource('pairs.tsv', 'images', str(tmp_path))
    found = source.load()
    assert order in found
    assert ('by its header' if header else 'by what the columns') in found
    assert '1 lines without image file (the first: d.jpg)' in found
    assert texts(source) == CAPTIONS[:3]
    assert source.read(2) == dict(
        img_path=str(images / 'c.jpg'), text='a cat', key='pairs.tsv/2')


def test_table_of_paths(tmp_path, images):
    write_files(tmp_path, {'t.tsv': 'a dog\ta.jpg\n\na cat\tb.jpg'})
    source = TableSource('t.tsv', 'images', str(tmp_path))
    assert 'image in column 1' in source.load()
    assert texts(source) == ['a dog', 'a cat']


@pytest.mark.parametrize('form', ['{row:05d}.jpg', '{md5}.jpg'])
def test_names_of_downloaded_images(tmp_path, form):
    names = [
        form.format(row=i, md5=md5(url.encode()).hexdigest())
        for i, url in enumerate(URLS)
    ]
    write_files(tmp_path, {f'images/{name}': 'i' for name in names[:3]})
    write_files(
        tmp_path, {
            't.tsv':
            'url\tcaption\n' + ''.join(f'{a}\t{b}\n'
                                       for a, b in zip(URLS, CAPTIONS))
        })
    source = TableSource('t.tsv', 'images', str(tmp_path), image_name=form)
    source.load()
    assert [os.path.basename(source.read(i)['img_path'])
            for i in range(3)] == names[:3]


def test_urls_with_the_same_name(tmp_path, images):
    """Whose image it is cannot be known; the same URL twice is no problem."""
    urls = [
        'http://x/1/a.jpg', 'http://x/b.jpg', 'http://x/2/a.jpg',
        'http://x/b.jpg', 'http://x/1/a.jpg', 'http://x/', 'http://x'
    ]
    write_files(
        tmp_path,
        {'t.tsv': ''.join(f'{u}\ttext {i}\n' for i, u in enumerate(urls))})
    source = TableSource('t.tsv', 'images', str(tmp_path))
    found = source.load()
    assert texts(source) == ['text 1', 'text 3']
    assert ('3 lines whose image name stands for several images (the first: '
            'a.jpg of http://x/1/a.jpg and of http://x/2/a.jpg). Name the '
            "images by image_name='{md5}.jpg' (of the URL) or "
            "'{row:09d}.jpg'") in found
    assert "2 lines malformed (the first: line 5: 'http://x/' names no " \
        'file)' in found
    write_files(tmp_path / 'images',
                {f'{md5(url.encode()).hexdigest()}.jpg': 'i'
                 for url in urls})
    source = TableSource(
        't.tsv', 'images', str(tmp_path), image_name='{md5}.jpg')
    assert 'no line left out' in source.load()


@pytest.mark.parametrize('columns', [(0, 1), (1, 0)])
def test_header_of_another_set(tmp_path, images, columns):
    """GroupViT puts the header of CC3M on CC12M."""
    rows = list(zip(URLS, CAPTIONS)) if columns == (0, 1) else \
        list(zip(CAPTIONS, URLS))
    header = ('caption', 'url') if columns == (0, 1) else ('url', 'caption')
    write_files(
        tmp_path,
        {'t.tsv': ''.join('\t'.join(row) + '\n' for row in [header, *rows])})
    with pytest.raises(
            ValueError,
            match=r't.tsv: by its header.* column '
            rf'{columns[1]}, but .* column {columns[0]}\. .*columns=\('
            rf'{columns[0]}, {columns[1]}\)'):
        TableSource('t.tsv', 'images', str(tmp_path)).load()
    source = TableSource('t.tsv', 'images', str(tmp_path), columns=columns)
    assert 'as configured' in source.load()
    assert texts(source) == CAPTIONS[:3]


def test_header_alone_tells(tmp_path, images):
    """Where the columns do not tell, the header is believed."""
    write_files(tmp_path, {'t.tsv': 'text\tpath\na.jpg\ta.jpg\n'})
    source = TableSource('t.tsv', 'images', str(tmp_path))
    assert 'image in column 1, caption in column 0' in source.load()


def test_table_with_bad_lines(tmp_path, images):
    write_files(
        tmp_path, {
            't.tsv':
            b'a dog\ta.jpg\nno tab\n\xff\xfe\tb.jpg\n'
            b'out\t../images/c.jpg\nroot\t/c.jpg\n12\tc.jpg\n'
        })
    source = TableSource('t.tsv', 'images', str(tmp_path), columns=(1, 0))
    found = source.load()
    assert '2 pairs' in found and '4 lines malformed' in found
    assert 'line 1: it has 1 columns' in found and 'as configured' in found
    assert source.read(0)['text'] == 'a dog'
    with pytest.raises(BrokenPairError, match='t.tsv/5: caption has no let'):
        source.read(1)


def test_table_that_cannot_be_understood(tmp_path, images):
    write_files(tmp_path, {'t.tsv': 'a dog\tb cat\n' * 3, 'long': 'x' * 2**21})
    with pytest.raises(ValueError, match=r't.tsv: .*columns=\(image, cap'):
        TableSource('t.tsv', 'images', str(tmp_path)).load()
    with pytest.raises(ValueError, match='the line at byte 0 has more than'):
        TableSource('long', 'images', str(tmp_path), columns=(0, 1)).load()
    with pytest.raises(FileNotFoundError, match='none.tsv does not exist'):
        TableSource('none.tsv', 'images', str(tmp_path)).load()
    with pytest.raises(FileNotFoundError, match='looked for in .*elsewhere'):
        TableSource('t.tsv', 'elsewhere', str(tmp_path), columns=(0, 1)).load()


# --- JSONL


def test_jsonl(tmp_path, images):
    rows = [
        dict(image='a.jpg', caption='a dog'), {},
        dict(image='d.jpg', caption='gone'),
        dict(image='../a.jpg', caption='out'),
        dict(image='b.jpg', caption='a cat', more=1)
    ]
    lines = [json.dumps(row) for row in rows] + ['{"image', '[' * 100000]
    write_files(tmp_path, {'p.jsonl': '\n'.join(lines)})
    source = JSONLSource('p.jsonl', 'images', str(tmp_path))
    found = source.load()
    assert '2 pairs' in found and '4 lines malformed' in found
    assert '1 lines without image file' in found
    assert texts(source) == ['a dog', 'a cat']
    assert source.read(1)['key'] == 'p.jsonl/4'
    assert pickle.loads(pickle.dumps(source)).read(1) == source.read(1)
    assert np.array_equal(source.group_starts(), [0])


def test_jsonl_fields(tmp_path, images):
    write_files(tmp_path, {'p.jsonl': '{"file": "a.jpg", "text": "a dog"}'})
    source = JSONLSource(
        'p.jsonl',
        str(images),
        str(tmp_path),
        image_field='file',
        caption_field='text')
    source.load()
    assert texts(source) == ['a dog']
