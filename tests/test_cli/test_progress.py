import re

from mmlangseg.cli import progress
from mmlangseg.cli.progress import Progress, track


def test_the_last_item_is_always_reported(capsys):
    job = Progress('shard 1/2', 5, 'images')
    for _ in range(2):
        job.advance(2)
    assert capsys.readouterr().out == ''
    job.advance(note='1 failed')
    assert re.fullmatch(
        r'shard 1/2: 5/5 images, \S+ s each, 0:00:00 left, 1 failed\n',
        capsys.readouterr().out)


def test_time_left(capsys, monkeypatch):
    clock = [100.]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: clock[0])
    job = Progress('job', 10, 'tars')
    clock[0] += 14
    job.advance()
    assert capsys.readouterr().out == ''
    clock[0] += 2
    job.advance()
    line = capsys.readouterr().out
    assert line == 'job: 2/10 tars, 8 s each, 0:01:04 left\n'
    clock[0] += 14  # since the last line
    job.advance()
    assert capsys.readouterr().out == ''


def test_items_that_took_no_time(capsys, monkeypatch):
    """Of ten tars nine had an index; the last one says how long one takes."""
    clock = [0.]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: clock[0])
    job = Progress('indexing', 11, 'tars')
    job.advance(9, free=True)
    clock[0] = 20.
    job.advance()
    assert '10/11 tars, 20 s each, 0:00:20 left' in capsys.readouterr().out


def test_a_bar_in_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stdout, 'isatty', lambda: True)
    assert list(track('abc', 'letters', 'images')) == ['a', 'b', 'c']
    shown = capsys.readouterr().out
    assert '\rletters: 100%' in shown and '3/3' in shown
    assert 's each' not in shown


def test_nothing_to_do(capsys):
    assert list(track([], 'job', 'images')) == []
    assert capsys.readouterr().out == ''
