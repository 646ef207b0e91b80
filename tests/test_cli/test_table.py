from mmlangseg.cli.table import format_rows

ROWS = [('class', 'IoU', 'pixels'), ('cat', '7.25', '12'), ('a', '60.00', '')]


def test_text():
    assert format_rows(ROWS, 'two classes').splitlines() == [
        'two classes',
        '+-------+-------+--------+',
        '| class |   IoU | pixels |',
        '+-------+-------+--------+',
        '| cat   |  7.25 |     12 |',
        '| a     | 60.00 |        |',
        '+-------+-------+--------+',
    ]


def test_markdown():
    lines = format_rows(ROWS, markdown=True).splitlines()
    assert len(lines) == 4 and lines[2].startswith('| cat ')
    assert set(lines[1]) == set('|:- ')
