"""Running the parts of the demo, with small processes."""
from __future__ import annotations
import io
from pathlib import Path

import pytest
from demo_parts.lanes import Display, Lane, PartFailedError, failure, run_lanes
from demo_parts.part import Part


class Terminal(io.StringIO):

    def isatty(self) -> bool:
        return True


def part(out: Path, name: str, code: str, **kwargs) -> Part:
    return Part('LESS', name, lambda: ['-c', code], 1., **kwargs)


def writes(path: Path) -> str:
    return f'open({str(path)!r}, "a").write("x")'


def test_parts_run_in_order_and_once(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    lane = [
        part(tmp_path, 'one', writes(first), outputs=(first, )),
        part(
            tmp_path,
            'two',
            f'assert open({str(first)!r}).read() == "x"; {writes(second)}',
            inputs=(first, ),
            outputs=(second, ))
    ]
    for expected in ('done in', 'there already'):
        stream = io.StringIO()
        run_lanes([lane], tmp_path, 1, Display(stream), pause=0.02)
        lines = stream.getvalue().splitlines()
        assert [line[:13]
                for line in lines] == ['LESS    one: ', 'LESS    two: ']
        assert all(expected in line for line in lines)
    assert (first.read_text(), second.read_text()) == ('x', 'x')


def test_failure_names_log_and_remedy_and_ends_the_others(tmp_path):
    bad = part(tmp_path, 'bad', 'print("warming up"); raise ValueError("hm")')
    slow = Part('S-Seg', 'slow', lambda: ['-c', 'import time; time.sleep(60)'],
                1.)
    with pytest.raises(PartFailedError) as error:
        run_lanes([[bad], [slow]],
                  tmp_path,
                  2,
                  Display(io.StringIO()),
                  pause=0.02)
    message = str(error.value)
    assert message.startswith('LESS: bad failed (exit status 1).')
    assert str(tmp_path / 'less_bad.log') in message
    assert '    ValueError: hm\n' in message
    assert '`make demo` again' in message
    assert not slow.is_done(tmp_path)


def test_missing_output_is_a_failure(tmp_path):
    lazy = part(tmp_path, 'lazy', 'pass', outputs=(tmp_path / 'gone', ))
    with pytest.raises(PartFailedError, match='gone has not been written'):
        run_lanes([[lazy]], tmp_path, 1, Display(io.StringIO()), pause=0.02)


def test_killed_for_memory(tmp_path):
    killed = part(tmp_path, 'big', '')
    assert 'signal 9, perhaps for want of memory' in failure(
        killed, tmp_path, -9)


def test_display_rewrites_in_a_terminal_only():
    now = [0.]
    stream, terminal = io.StringIO(), Terminal()
    for target in (stream, terminal):
        now[0] = 0.
        display = Display(target, clock=lambda: now[0])
        for now[0] in range(0, 31, 5):
            display.show(f'at {now[0]}')
        display.say('end')
    assert stream.getvalue() == 'at 15\nat 30\nend\n'
    assert terminal.getvalue().count('\r') == 8
    assert terminal.getvalue().count('\n') == 1


def test_time_left_follows_the_log(tmp_path):
    lane = Lane([part(tmp_path, 'next', 'pass')], tmp_path,
                Display(io.StringIO()))
    lane.part = part(tmp_path, 'training', 'pass')
    lane.process = object()
    lane.usual, lane.real = 10., 20.  # a machine half as fast
    lane.part.log(tmp_path).write_text(
        'Iter(train) [ 50/450]  lr: 1  eta: 0:03:02  time: 1')
    assert lane.seconds_left() == 182 + 2
    assert lane.state() == 'LESS: training, 3 min 02 s left'
