from __future__ import annotations
import subprocess
import sys
from pathlib import Path

import pytest

from mmlangseg.compat.light_imports import OPTIONAL, hidden, stood_in
from mmlangseg.compat.onedl import has_onedl

IMPORT_THEM = """
import sys
from mmlangseg.compat.light_imports import OPTIONAL, import_hosts
import_hosts()
import mmlangseg.apis, mmlangseg.{system}
print([name for name in OPTIONAL if name in sys.modules])
from transformers import AutoModel
from torch.distributed.optim import ZeroRedundancyOptimizer
print(AutoModel.__name__, ZeroRedundancyOptimizer.__name__)
"""


@pytest.mark.skipif(has_onedl(), reason="OneDL's packages need transformers")
@pytest.mark.parametrize('system', ['less', 'semires', 'sseg'])
def test_the_optional_libraries_come_when_they_are_asked_for(system):
    done = subprocess.run([
        sys.executable, '-W', 'ignore', '-c',
        IMPORT_THEM.format(system=system)
    ], cwd=Path(__file__).resolve().parents[2], text=True,
        capture_output=True)  # yapf: disable
    assert done.stdout.splitlines()[-2:] == [
        '[]', 'AutoModel ZeroRedundancyOptimizer'
    ], done.stderr[-2000:]


HOLDERS = """
import sys
from mmlangseg.compat.light_imports import UNUSED, import_hosts
import_hosts('mmdet3d.models')
print([name for name in UNUSED if name in sys.modules])
print(sorted({
    name.partition('.')[0] for name, module in list(sys.modules.items())
    for value in list(module.__dict__.values())
    if isinstance(value, type) and value.__module__ in UNUSED
    or type(value).__name__ == '_StandIn'}))
import scipy.optimize
from matplotlib import pyplot
from torch.distributed.fsdp import FullyShardedDataParallel
print(scipy.optimize.linear_sum_assignment([[2, 1], [1, 2]])[1].tolist(),
      pyplot.figure.__name__, FullyShardedDataParallel.__mro__[1].__name__)
"""


def test_only_the_host_libraries_keep_stand_ins():
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', HOLDERS],
                          cwd=Path(__file__).resolve().parents[2],
                          text=True,
                          capture_output=True)
    *_, loaded, holders, real = done.stdout.splitlines() or [done.stderr] * 3
    # OneDL's MMDetection loads scikit-image, which would keep a stand-in
    assert loaded == ("['scipy.optimize']"
                      if has_onedl() else '[]'), done.stderr[-2000:]
    assert holders == "['mmdet', 'mmengine']"
    assert real == '[1, 0] figure Module'


def test_stood_in_ends_with_the_block():
    name = 'this'  # a module that nothing imports
    with stood_in([name]):
        module = __import__(f'{name}.below', fromlist=['Anything'])
        assert module.Anything.__name__ == 'Anything'
        assert issubclass(type('Own', (module.Anything, ), {}), object)
    assert not [key for key in sys.modules if key.startswith(f'{name}.')]
    assert name not in sys.modules
    with stood_in(['json']):
        import json
    assert json.loads('1') == 1  # loaded before


def test_hidden_ends_with_the_block():
    name = 'this'  # a module that nothing imports
    with hidden([name]), pytest.raises(ModuleNotFoundError, match='this is'):
        __import__(name)
    assert name not in OPTIONAL and __import__(name).__name__ == name
