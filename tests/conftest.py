"""Settings for all tests: no display, no network, small thread pools."""
import os
import sys

import pytest

os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('OMP_NUM_THREADS', '1')

# Gives mmcv-lite what mmcv.ops needs: a test may import MMSegmentation first.
import mmlangseg  # noqa: E402,F401


@pytest.fixture(scope='module', autouse=True)
def default_scope_of_the_module_only():
    """Forget MMEngine's default scope behind each module: one that tests
    SemiRES would change what the next one, of LESS, finds in a registry."""
    yield
    registry = sys.modules.get('mmengine.registry')
    if registry is not None:
        registry.DefaultScope._instance_dict.clear()
