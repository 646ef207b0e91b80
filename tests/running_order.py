"""Which files begin: those that would keep one worker busy at the end."""
from __future__ import annotations
from pathlib import Path

from pytest import Item

LONGEST = ('test_packaging.py', 'test_tools/test_train_and_test.py',
           'test_dev_scripts/test_parity.py',
           'test_dev_scripts/test_benchmark.py',
           'test_tools/test_semires_toy.py', 'test_tools/test_sseg_toy.py',
           'test_tools/test_less_toy.py', 'test_isolation.py',
           'test_compat/test_light_imports.py', 'test_tools/test_infer.py')


def longest_first(items: list[Item], root: Path) -> None:
    """Sort the tests in place; the others keep their order.

    pytest-xdist must be told to keep it (``--no-loadscope-reorder``), else
    the files with the most tests begin.

    Args:
        root: The folder that :data:`LONGEST` is relative to.
    """
    rank = {root / name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
