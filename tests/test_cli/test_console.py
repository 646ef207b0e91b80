from __future__ import annotations
import io
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from mmlangseg.cli.console import shorten

PROGRAM = '''
import logging, sys, warnings
from mmlangseg.cli.console import hold_warnings, shorten, show_held_warnings
hold_warnings()
warnings.simplefilter('always')
warnings.warn('old way', DeprecationWarning)
warnings.warn('look here', UserWarning)
logger = logging.getLogger('run')
logger.addHandler(logging.FileHandler(sys.argv[1]))
show_held_warnings() if sys.argv[2] == 'all' else shorten(logger)
warnings.warn('older way', FutureWarning)
'''


@pytest.mark.parametrize('shown', ['all', 'short'])
def test_deprecations_are_kept_for_the_log_file(tmp_path: Path, shown):
    file = tmp_path / 'run.log'
    done = subprocess.run([sys.executable, '-c', PROGRAM,
                           str(file), shown],
                          capture_output=True,
                          text=True,
                          check=True)
    assert 'look here' in done.stderr  # ours, or what a user can mend
    texts = {'all': done.stderr, 'short': file.read_text()}
    other = {'all': file.read_text(), 'short': done.stderr}
    for message in ('old way', 'older way'):
        # Python 3.13 shows the line of a program of -c, too
        assert texts[shown].count(f'Warning: {message}') == 1
        assert message not in other[shown]


def test_the_file_keeps_what_the_console_leaves_out(tmp_path: Path):
    console = io.StringIO()
    logger = logging.Logger('run')
    logger.addHandler(logging.StreamHandler(console))
    logger.addHandler(logging.FileHandler(tmp_path / 'run.log'))
    shorten(logger)
    logger.info('Config:\nmodel = dict()')
    logger.info('paramwise_options -- text_encoder:lr=1')
    logger.warning('teacher.a is skipped since its requires_grad=False')
    logger.warning('words are unknown')
    assert console.getvalue() == 'words are unknown\n'
    assert (tmp_path / 'run.log').read_text().count('\n') == 5


def test_pytest_keeps_its_warnings():
    with pytest.warns(DeprecationWarning, match='old way'):
        warnings.warn('old way', DeprecationWarning)


def test_handlers_of_others_are_left_alone(tmp_path: Path, monkeypatch):
    """pytest adds one to every logger that keeps its records to itself."""
    others = logging.StreamHandler(io.StringIO())
    warning_logger = logging.getLogger('mmlangseg.warnings')
    monkeypatch.setattr(warning_logger, 'handlers', [others])
    run = logging.Logger('run')
    run.addHandler(logging.FileHandler(tmp_path / 'run.log'))
    shorten(run)
    assert warning_logger.handlers == [others]
