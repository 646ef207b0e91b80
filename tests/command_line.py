"""Running the tools as a user does, for tests of whole systems.

Everything happens in the working directory.
"""
from __future__ import annotations
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from tool_server import Program, run_python

ROOT = Path(__file__).resolve().parents[1]


def block(names: Iterable[str]) -> None:
    """Make modules that cannot be imported by what :func:`run` starts."""
    Path('blocked').mkdir()
    for name in names:
        Path('blocked', f'{name}.py').write_text(
            f'raise ModuleNotFoundError("blocked", name={name!r})')


def environment() -> dict[str, str]:
    """That of the programs: one thread, and what :func:`block` blocks."""
    return dict(
        os.environ,
        PYTHONPATH=f'{Path("blocked").resolve()}:{ROOT / "tests"}',
        OMP_NUM_THREADS='1',
        PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}')


def run(*args, cwd: Path | None = None, code: int = 0) -> str:
    """Run a program in a new process; gives what it prints."""
    done = subprocess.run([str(arg) for arg in args],
                          cwd=cwd,
                          env=environment(),
                          text=True,
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == code, done.stdout[-3000:]
    return done.stdout


def run_tool(tool: str, *args, cwd: Path | None = None, code: int = 0) -> str:
    """Run a tool in a fork, which saves the imports: see tool_server.py."""
    done = run_python(
        ROOT / 'tools' / tool, *args, cwd=cwd, env=environment(), merged=True)
    assert done.returncode == code, done.stdout[-3000:]
    return done.stdout


def run_processes(count: int,
                  tool: str,
                  *args,
                  cwd: Path | None = None) -> None:
    """Run a tool in several forks, with what torchrun tells its processes."""
    common = dict(
        environment(),
        WORLD_SIZE=str(count),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=free_port())
    programs = [
        Program(
            ROOT / 'tools' / tool,
            *args,
            '--launcher',
            'pytorch',
            cwd=cwd,
            env=dict(common, RANK=str(rank), LOCAL_RANK=str(rank)),
            merged=True) for rank in range(count)
    ]
    for done in [program.wait() for program in programs]:
        assert done.returncode == 0, done.stdout[-3000:]


def call(tool: str, *args) -> None:
    """Run a tool in this process, which saves the imports."""
    path = ROOT / 'tools' / tool
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        patch.setattr(sys, 'argv', [str(path), *map(str, args)])
        try:
            runpy.run_path(str(path), run_name='__main__')
        except SystemExit as stop:
            assert not stop.code, stop.code


def free_port() -> str:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


def scalars(work_dir: Path, key: str) -> dict[int, dict]:
    """What was logged with ``key`` by step, over the runs in a folder."""
    found = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if key in row:
                found[row['step']] = {
                    name: value
                    for name, value in row.items() if 'time' not in name
                }
    return found


def assert_equal(first, second) -> None:
    """Compare nested values that may hold tensors."""
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert list(first) == list(second)
        assert_equal(list(first.values()), list(second.values()))
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for pair in zip(first, second):
            assert_equal(*pair)
    else:
        assert first == second


def keep_config_unformatted(patch) -> None:
    """Spare yapf; MMEngine's imports it at once, OneDL's when it dumps."""

    def keep(text, **_):
        return text, False

    patch.setattr('mmengine.config.config.FormatCode', keep, raising=False)
    patch.setattr('yapf.yapflib.yapf_api.FormatCode', keep)
