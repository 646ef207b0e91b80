from __future__ import annotations
import subprocess
import sys
from pathlib import Path

import pytest

from mmlangseg.light_imports import OPTIONAL, hidden

IMPORT_THEM = """
import sys
from mmlangseg.light_imports import OPTIONAL, import_hosts
import_hosts()
import mmlangseg.apis, mmlangseg.{system}
print([name for name in OPTIONAL if name in sys.modules])
from transformers import AutoModel
from torch.distributed.optim import ZeroRedundancyOptimizer
print(AutoModel.__name__, ZeroRedundancyOptimizer.__name__)
"""


@pytest.mark.parametrize('system', ['less', 'semires', 'sseg'])
def test_the_optional_libraries_come_when_they_are_asked_for(system):
    done = subprocess.run([
        sys.executable, '-W', 'ignore', '-c',
        IMPORT_THEM.format(system=system)
    ], cwd=Path(__file__).resolve().parents[1], text=True,
        capture_output=True)  # yapf: disable
    assert done.stdout.splitlines()[-2:] == [
        '[]', 'AutoModel ZeroRedundancyOptimizer'
    ], done.stderr[-2000:]


def test_hidden_ends_with_the_block():
    name = 'this'  # a module that nothing imports
    with hidden([name]), pytest.raises(ModuleNotFoundError, match='this is'):
        __import__(name)
    assert name not in OPTIONAL and __import__(name).__name__ == name
