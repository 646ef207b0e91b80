from __future__ import annotations
import gzip
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pair_data import pairs, write_tar

TOOL = (
    Path(__file__).resolve().parents[2] / 'tools' / 'sseg' / 'index_pairs.py')
sys.path.insert(0, str(TOOL.parent))

import index_pairs as tool  # noqa: E402

from mmlangseg.sseg.datasets import tar_index  # noqa: E402

PARENT_ENDS = 10.  # seconds, on a busy machine


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the tool in this process; gives exit status and output."""

    def run(*args) -> tuple[int, str]:
        monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
        status = 0
        try:
            tool.main()
        except SystemExit as stop:
            status = stop.code
        if isinstance(status, str):
            return 1, status
        done = capsys.readouterr()
        return status, done.out + done.err

    return run


@pytest.fixture
def tars(tmp_path) -> list[Path]:
    return [
        write_tar(tmp_path / 'set' / f'{i:05d}.tar', pairs(i + 1))
        for i in range(6)
    ]


def indices(tars: list[Path]) -> dict[str, int]:
    """Time of each index that is there."""
    return {
        tar.name: os.stat(tar_index.index_path(tar)).st_mtime_ns
        for tar in tars if os.path.exists(tar_index.index_path(tar))
    }


@pytest.mark.parametrize('processes', [1, 2])
def test_folder(run, tars, processes):
    status, out = run(tars[0].parent, '--processes', processes)
    assert status == 0, out
    assert 'indexing: 6/6 tars' in out
    assert '0:00:00 left, 21 pairs, 0 had an index, 0 failed' in out
    assert '\n21 pairs\n0 images without caption\n' in out
    made = indices(tars)
    assert len(made) == 6
    status, out = run(tars[0].parent)
    assert status == 0 and '6 had an index' in out and '\n21 pairs' in out
    assert indices(tars) == made


def test_counts(run, tmp_path):
    members = pairs(3)[:-2] + [('a.txt', b'x'), ('../b.jpg', b'x'),
                               ('c.gif', b'x')]
    write_tar(tmp_path / 'a.tar', members)
    cut = write_tar(tmp_path / 'b.tar', pairs(3))
    os.truncate(cut, 6000)
    status, out = run(tmp_path / '?.tar', '--index-dir', tmp_path / 'index')
    assert status == 0, out
    assert '1 images without caption\n1 captions without image\n' in out
    assert '1 members that are neither\n1 members refused\n' in out
    assert f'1 by path, such as one in {tmp_path}/a.tar' in out
    assert '1 tars are damaged' in out and f'{cut} at byte ' in out
    assert len(os.listdir(tmp_path / 'index')) == 2
    status, out = run(cut, '--strict')
    assert status == 1 and '1 tars failed:' in out and 'is damaged at' in out


def test_failures_are_listed(run, tars):
    tars[1].write_bytes(gzip.compress(tars[1].read_bytes()))
    status, out = run(tars[0].parent, '--processes', 2)
    assert status == 1
    assert f'1 tars failed:\n  {tars[1]} is compressed with gzip' in out
    assert '19 pairs' in out and len(indices(tars)) == 5
    write_tar(tars[1], pairs(2))
    status, out = run(tars[0].parent)
    assert status == 0 and '21 pairs' in out and '5 had an index' in out


def test_nothing_there(run, tmp_path):
    status, out = run(tmp_path / '*.tar')
    assert status == 1 and 'error: no file matches' in out
    assert run(tmp_path, '--processes', 0)[0] == 2


@pytest.mark.parametrize('processes', [1, 2])
def test_killed_while_indexing(run, tars, tmp_path, processes):
    """Nothing is lost, nothing is half there, nothing is done twice."""
    pids = tmp_path / 'pids'
    pids.mkdir()
    command = [tars[0].parent, '--processes', processes]
    job = multiprocessing.get_context('fork').Process(
        target=index_slowly, args=(command, str(pids)))
    job.start()
    deadline = time.monotonic() + 60
    while len(os.listdir(pids)) < processes:  # all are in the middle of one
        assert job.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    job.join()

    made = indices(tars)
    assert len(made) == 3
    assert all(
        tar_index.load_tar_index(tar, tar_index.index_path(tar))
        for tar in tars if tar.name in made)
    deadline = time.monotonic() + PARENT_ENDS
    while any(runs(int(pid)) for pid in os.listdir(pids)):
        assert time.monotonic() < deadline, 'workers outlive the tool'
        time.sleep(0.05)

    status, out = run(*command)
    assert status == 0, out
    assert '21 pairs, 3 had an index, 0 failed' in out
    after = indices(tars)
    assert {name: after[name] for name in made} == made
    for i, tar in enumerate(tars):
        index = tar_index.load_tar_index(tar, tar_index.index_path(tar))
        assert len(index.samples) == i + 1
        os.unlink(tar_index.index_path(tar))
    assert run(*command)[0] == 0
    assert np.array_equal(
        tar_index.load_tar_index(tars[-1],
                                 tar_index.index_path(tars[-1])).samples,
        index.samples)


def index_slowly(command: list, pids: str) -> None:
    """Run the tool; later indices stay written but not yet in their place."""
    replace = os.replace

    def replace_slowly(source, target) -> None:
        if os.path.basename(target) >= '00003':
            Path(pids, str(os.getpid())).touch()
            time.sleep(600)
        replace(source, target)

    os.replace = replace_slowly  # in this process and its workers
    sys.argv = ['tool', *map(str, command)]
    tool.main()


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().split(')')[1][1] != 'Z'
    except FileNotFoundError:
        return False
