from types import SimpleNamespace

from skip_summary import skip_summary


def report(name: str, reason: str) -> SimpleNamespace:
    return SimpleNamespace(
        nodeid=name, longrepr=('/a/file.py', 7, f'Skipped: {reason}'))


def test_reasons_are_named_once():
    assert skip_summary([
        report('test_b.py::test_1', 'no data'),
        report('test_c.py', 'no spconv'),
        report('test_a.py::test_1[x]', 'no data'),
        report('test_a.py::test_1[y]', 'no data'),
        report('test_c.py', 'no spconv'),
    ]) == [
        '    3  no data',
        '       test_a.py, test_b.py',
        '    1  no spconv',
        '       test_c.py',
    ]


def test_nothing_was_skipped():
    assert skip_summary([]) == []
