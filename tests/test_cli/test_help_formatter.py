from argparse import ArgumentParser

from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def test_defaults_that_tell_something():
    """0 does, though it equals False."""
    parser = ArgumentParser(prog='tool', formatter_class=DefaultsHelpFormatter)
    parser.add_argument('--seed', type=int, default=0, help='of K-means')
    parser.add_argument('--resume', action='store_true', help='go on')
    parser.add_argument('--out', help='file')
    parser.add_argument('--options', default={}, help='more')
    text = parser.format_help()
    assert 'of K-means (default: 0)' in text
    assert text.count('default') == 1
