from pathlib import Path
from types import SimpleNamespace

from running_order import LONGEST, longest_first

ROOT = Path(__file__).resolve().parent


def test_the_files_are_there():
    for name in LONGEST:
        assert (ROOT / name).is_file(), name


def test_others_keep_their_order():
    names = ['b.py', LONGEST[1], 'a.py', LONGEST[0], 'b.py']
    items = [SimpleNamespace(path=ROOT / name) for name in names]
    longest_first(items, ROOT)
    assert [item.path for item in items] == [
        ROOT / name
        for name in (LONGEST[0], LONGEST[1], 'b.py', 'a.py', 'b.py')
    ]
