"""Settings for all tests: no display, no network, small thread pools."""
import gc
import os
import sys
from pathlib import Path

import pytest
import tool_server
from running_order import longest_first
from skip_summary import skip_summary

os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('OMP_NUM_THREADS', '1')

# Gives mmcv-lite what mmcv.ops needs: a test may import MMSegmentation first.
import mmlangseg  # noqa: E402,F401


def pytest_configure(config):
    if not hasattr(config, 'workerinput'):  # for the workers, too
        os.environ[tool_server.ADDRESS] = tool_server.start()


def pytest_terminal_summary(terminalreporter):
    lines = skip_summary(terminalreporter.stats.get('skipped', []))
    if lines:
        terminalreporter.section('what was skipped, and why')
        terminalreporter.write_line('\n'.join(lines))


def pytest_collection_modifyitems(items):
    longest_first(items, Path(__file__).parent)


@pytest.fixture(scope='module', autouse=True)
def libraries_hold_no_garbage():
    """Do not search what is loaded by now for garbage again: MMEngine does
    so whenever it builds a dataset, which takes half a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='module', autouse=True)
def what_mmengine_remembers_of_the_module_only():
    """Forget MMEngine's default scope and loggers behind each module: a scope
    of SemiRES would change what the next one, of LESS, finds in a registry,
    and the log file of a runner is closed once uvicorn sets up its own."""
    yield
    for module, name in (('mmengine.registry', 'DefaultScope'),
                         ('mmengine.logging', 'MMLogger')):
        if module in sys.modules:
            getattr(sys.modules[module], name)._instance_dict.clear()
