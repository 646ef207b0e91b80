from __future__ import annotations

import pytest

from mmlangseg.io.atomic_folder import atomic_folder


def test_whole(tmp_path):
    with atomic_folder(tmp_path / 'a' / 'b') as folder:
        (folder / 'c').mkdir()
        (folder / 'c' / 'd').write_text('1')
        assert not (tmp_path / 'a' / 'b').exists()
    assert (tmp_path / 'a' / 'b' / 'c' / 'd').read_text() == '1'
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['b']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_nothing_stays(tmp_path, error):
    with pytest.raises(error), atomic_folder(tmp_path / 'a') as folder:
        (folder / 'c').write_text('1')
        raise error
    assert not list(tmp_path.iterdir())


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / 'a').mkdir()
    with atomic_folder(tmp_path / 'a') as folder:
        (folder / 'c').write_text('1')
    assert (tmp_path / 'a' / 'c').is_file()


def test_replaced_whole_or_not_at_all(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'old').write_text('1')
    with pytest.raises(ValueError):
        with atomic_folder(tmp_path / 'a', replace=True) as folder:
            (folder / 'new').write_text('2')
            raise ValueError
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['old']
    with atomic_folder(tmp_path / 'a', replace=True) as folder:
        (folder / 'new').write_text('2')
        assert (tmp_path / 'a' / 'old').is_file()
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['new']
    assert [path.name for path in tmp_path.iterdir()] == ['a']
    (tmp_path / 'b').write_text('a file')
    with pytest.raises(FileExistsError, match='delete it'):
        with atomic_folder(tmp_path / 'b', replace=True):
            pytest.fail('the block must not run')


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'mine').write_text('1')
    with pytest.raises(FileExistsError, match='delete it'):
        with atomic_folder(tmp_path / 'a'):
            pytest.fail('the block must not run')
    (tmp_path / 'b').write_text('a file')
    with pytest.raises(FileExistsError, match='delete it'):
        with atomic_folder(tmp_path / 'b'):
            pytest.fail('the block must not run')
    with pytest.raises(FileExistsError, match='made meanwhile'):
        with atomic_folder(tmp_path / 'c') as folder:
            (folder / 'd').write_text('1')
            (tmp_path / 'c').mkdir()
            (tmp_path / 'c' / 'theirs').write_text('2')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a', 'b', 'c']
