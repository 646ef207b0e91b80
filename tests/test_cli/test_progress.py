import re

from mmlangseg.cli import progress
from mmlangseg.cli.progress import Progress


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
    clock[0] += 9
    job.advance()
    assert capsys.readouterr().out == ''
    clock[0] += 3
    job.advance()
    line = capsys.readouterr().out
    assert line == 'job: 2/10 tars, 6 s each, 0:00:48 left\n'
    clock[0] += 9  # since the last line
    job.advance()
    assert capsys.readouterr().out == ''
