"""Time left, read from the logs of tools."""
import pytest
from demo_parts.progress import format_time, last_lines, seconds_left

HEAD = '11/29 04:43:52 - mmengine - INFO - '


@pytest.mark.parametrize('log, seconds', [
    ('', None),
    ('eta of nothing\n', None),
    (f'{HEAD}Epoch(train) [1][ 50/450]  base_lr: 1e-3 lr: 7e-3  '
     'eta: 0:03:02  time: 0.4', 182),
    (f'{HEAD}Iter(train) [ 50/450]  lr: 7e-3  eta: 1 day, 2:00:01  time: 9',
     93601),
    (f'{HEAD}Iter(train) [ 50/450]  eta: 0:03:02  loss: 1\nSaving\n'
     f'{HEAD}Iter(val) [10/30]    eta: 0:00:20  time: 0.5', 20),
    ('scans: 1/400 rooms, 0.225 s each, 0:01:30 left\n'
     'scans: 9/400 rooms, 1e-05 s each, 0:01:20 left, 2 failed', 80),
    ('scans: 400/400 rooms, 0.02 s each, 0:00:00 left\nreading', None),
    (f'{HEAD}Iter(train) [450/450]  eta: 0:00:00  loss: 1\nSaving', None),
])
def test_seconds_left(log, seconds):
    assert seconds_left(log) == seconds


def test_last_lines_keep_the_end_of_a_bar():
    log = 'begin\n\n[> ] 1/2\r[>>] 2/2\nValueError: no\r\n'
    assert last_lines(log) == ['begin', '[>>] 2/2', 'ValueError: no']
    assert last_lines(log, 1) == ['ValueError: no']


def test_format_time():
    assert format_time(75.4) == '1 min 15 s'
    assert format_time(59.2) == '59 s'
    assert format_time(-3) == '0 s'
