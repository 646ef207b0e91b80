"""``--help`` and mistakes of the command line cost no import of libraries."""
from __future__ import annotations
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Runs the programs one behind the other; what one has imported, the next one
# does not import again, so the first that imports a library is named.
SCRIPT = r"""
import contextlib, io, re, runpy, sys
path = list(sys.path)


def broken(text):
    # commands whose lines do not go on as a shell wants it
    for this, following in re.findall(r'^(    \S.*)\n(.*)', text, re.M):
        command = this.strip().partition('#')[0].strip()
        if command.startswith('python '):
            goes_on = following.startswith('        ')
            if '  ' in command or goes_on != command.endswith('\\'):
                yield this


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
          *sorted(heavy & set(sys.modules)),
          *{'broken example' for example in broken(out.getvalue())},
          *{'empty default' for word in ('None', 'False', '[]', '{}')
            if f'(default:{word})' in ''.join(out.getvalue().split())})
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


def test_the_check_sees_a_broken_example(tmp_path):
    program = tmp_path / 'program.py'
    for example, seen in (('python a.py \\\n        --b',
                           False), ('python a.py\n        --b', True),
                          ('python a.py         --b', True)):
        program.write_text(
            'import argparse\n'
            f'text = "Examples:\\n    " + {example!r} + "\\n\\nEnd."\n'
            'argparse.ArgumentParser(description=text, formatter_class='
            'argparse.RawDescriptionHelpFormatter).parse_args()')
        done = subprocess.run([sys.executable, '-c', SCRIPT, program],
                              capture_output=True,
                              text=True)
        assert ('broken example' in done.stdout) == seen, example
