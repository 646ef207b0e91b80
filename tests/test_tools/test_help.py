"""``--help`` and mistakes of the command line cost no import of libraries."""
from __future__ import annotations
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Runs the programs one behind the other; what one has imported, the next one
# does not import again, so the first that imports a library is named.
SCRIPT = """
import contextlib, io, runpy, sys
path = list(sys.path)
for program in sys.argv[1:]:
    sys.argv = [program, '--help']
    sys.path[:] = [program.rpartition('/')[0], *path[1:]]
    out, code = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_path(program, run_name='__main__')
        except SystemExit as stop:
            code = stop.code
    heavy = {'torch', 'mmcv', 'mmdet3d', 'transformers', 'cv2'}
    print(program, code, 'usage:' in out.getvalue(),
          *sorted(heavy & set(sys.modules)))
"""


def programs() -> list[str]:
    """Those with options, but for what looks at the environment itself."""
    found = []
    for path in sorted((ROOT / 'tools').rglob('*.py')):
        text = path.read_text()
        if "__name__ == '__main__'" in text and 'argparse' in text:
            found.append(str(path))
    return found


def test_help_needs_no_library():
    tools = programs()
    assert len(tools) > 25
    done = subprocess.run([sys.executable, '-c', SCRIPT, *tools],
                          capture_output=True,
                          text=True)
    lines = done.stdout.splitlines()
    assert lines == [f'{tool} 0 True' for tool in tools], done.stderr[-2000:]


def test_the_check_sees_an_import(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text('import argparse, torch\n'
                       'argparse.ArgumentParser().parse_args()')
    done = subprocess.run([sys.executable, '-c', SCRIPT, program],
                          capture_output=True,
                          text=True)
    assert done.stdout.split()[1:] == ['0', 'True', 'torch']
