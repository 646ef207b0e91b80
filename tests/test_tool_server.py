from __future__ import annotations
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tool_server import Program, run_python


@pytest.fixture
def write(tmp_path):
    """Write a program."""

    def write(text: str) -> Path:
        path = tmp_path / 'program.py'
        path.write_text(text)
        return path

    return write


PRINT = """
import json, os, sys
import beside
print(json.dumps(dict(
    argv=sys.argv, name=__name__, file=__file__, cwd=os.getcwd(),
    env=dict(os.environ), path=sys.path, read=sys.stdin.read(),
    main=sys.modules['__main__'].__file__)))
"""


def test_as_a_process_of_its_own(write, tmp_path, monkeypatch):
    program = write(PRINT)
    (tmp_path / 'beside.py').touch()
    (tmp_path / 'folder').mkdir()
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}/more')
    env = {**os.environ, 'ONLY_HERE': '1'}
    args = program, 'a b', '--option'
    expected = subprocess.run([sys.executable, *args],
                              cwd=tmp_path / 'folder',
                              env=env,
                              stdin=subprocess.DEVNULL,
                              text=True,
                              capture_output=True)
    found = run_python(*args, cwd=tmp_path / 'folder', env=env)
    assert found.returncode == expected.returncode == 0
    found, expected = (json.loads(x.stdout) for x in (found, expected))
    # set by libraries when they are imported
    assert expected['env'].items() <= found['env'].items()
    del found['env'], expected['env']
    assert found == expected


@pytest.mark.parametrize('text, code, out, err', [
    ('print("done")', 0, 'done\n', ''),
    ('import sys; sys.exit(3)', 3, '', ''),
    ('raise SystemExit("wrong")', 1, '', 'wrong\n'),
    ('print(1)\n1 / 0', 1, '1\n', 'ZeroDivisionError: division by zero\n'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
     -signal.SIGKILL, '', ''),
    ('import atexit; atexit.register(print, "last")', 0, 'last\n', ''),
    ('import os; print(1, flush=True); os.system("echo 2; echo 3 >&2")', 0,
     '1\n2\n', '3\n'),
])
def test_how_it_ends(write, text, code, out, err):
    done = run_python(write(text))
    assert done.returncode == code
    assert done.stdout == out
    assert done.stderr.endswith(err) and bool(done.stderr) == bool(err)


def test_merged_output(write):
    text = ('import sys; print(1, flush=True); '
            'print(2, file=sys.stderr); print(3)')
    done = run_python(write(text), merged=True)
    assert done.stdout == '1\n2\n3\n'


def test_it_can_be_killed(write):
    program = Program(write('import time; time.sleep(600)'))
    assert program.is_running()
    os.kill(program.pid, signal.SIGKILL)
    assert program.wait().returncode == -signal.SIGKILL


def test_what_the_path_blocks(write, tmp_path):
    """Also what the server has imported."""
    (tmp_path / 'here').mkdir()
    (tmp_path / 'here' / 'mmengine.py').write_text('raise ImportError("no")')
    (tmp_path / 'here' / 'mmdet').mkdir()
    (tmp_path / 'here' / 'mmdet' / '__init__.py').write_text('own = 1')
    env = {**os.environ, 'PYTHONPATH': str(tmp_path / 'here')}
    program = write('import mmdet, torch; print(mmdet.own); import mmengine')
    done = run_python(program, env=env)
    assert done.stdout == '1\n' and done.returncode == 1
    assert done.stderr.endswith('ImportError: no\n')


STATE = """
import os, sys
import numpy, torch
print(*[name for name in sys.modules if name.startswith('mmlangseg')])
print(numpy.random.rand(), torch.rand(()).item(), os.getpid())
"""


def test_what_it_begins_with(write):
    """The libraries of others, and random numbers of its own."""
    lines = [run_python(write(STATE)).stdout.splitlines() for _ in range(2)]
    assert set(lines[0][0].split()) == {
        'mmlangseg', 'mmlangseg.compat', 'mmlangseg.compat.mmcv_ext',
        'mmlangseg.compat.onedl', 'mmlangseg.version'
    }
    (first, a, pid), (second, b, other) = (line[1].split() for line in lines)
    assert first != second and a == b and pid != other
