"""All files in configs/ belong to a system, which they import and name.

What they build is tested beside the systems: ``test_entry_configs.py`` of
``test_less``, ``test_semires`` and ``test_sseg``, and in
``test_public_configs.py``.
"""
from __future__ import annotations
from pathlib import Path

import pytest
from config_files import ENTRIES
from mmengine.config import Config

# Package and default scope by the start of the name.
SYSTEMS = dict(
    less=('mmlangseg.less', 'mmdet3d'),
    semires=('mmlangseg.semires', 'mmseg'),
    lavt=('mmlangseg.semires', 'mmseg'),
    sseg=('mmlangseg.sseg', 'mmseg'))
# Public models, in the protocol of the system whose data they are tested on.
PUBLIC = ('clip-masks', 'clipseg', 'groupvit', 'sam3')


def system_of(path: Path) -> str:
    name = path.stem.partition('_')[0]
    if name in PUBLIC:
        return 'semires' if path.stem.endswith('refcoco') else 'sseg'
    return name


@pytest.mark.parametrize('path', ENTRIES, ids=lambda path: path.stem)
def test_names_its_system(path):
    package, scope = SYSTEMS[system_of(path)]
    config = Config.fromfile(path, import_custom_modules=False)
    assert config.default_scope == scope
    assert config.custom_imports == dict(
        imports=[package], allow_failed_imports=False)
    assert config.get('test_dataloader') or config.get('train_dataloader')
    assert config.model.type


def test_every_system_has_configs():
    found = {system_of(path) for path in ENTRIES}
    assert found == set(SYSTEMS) and len(ENTRIES) > 90
