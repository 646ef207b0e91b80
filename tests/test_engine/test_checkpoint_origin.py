from __future__ import annotations

import torch

from mmlangseg.engine.checkpoint_origin import (describe_differences,
                                                describe_origin)

CONFIG = '''model = dict(backbone=dict(type='SwinTransformer'), type='SSeg')
work_dir = 'work_dirs/a'
'''


def test_what_mmengine_writes():
    meta = dict(
        cfg=CONFIG,
        experiment_name='a_2026',
        dataset_meta=dict(classes=('cat', 'dog')))
    assert describe_origin(dict(meta=meta)) == (
        ' The file says: model SSeg, run a_2026, work_dir work_dirs/a, '
        'classes 2.')


def test_a_config_is_not_executed():
    cfg = 'model = dict(type=exit(3))\nwork_dir = exit(4)'
    assert describe_origin(dict(meta=dict(cfg=cfg))) == ''


def test_files_that_say_nothing():
    for checkpoint in ([], {}, dict(meta=1), dict(meta=dict(cfg='1 +')),
                       dict(meta=dict(cfg=3, dataset_meta='cat'))):
        assert describe_origin(checkpoint) == ''


def test_three_differences_are_named():
    own = {name: torch.ones(2) for name in 'abcd'}
    state = dict(a=torch.ones(3), z=torch.ones(5))
    assert describe_differences(state, own, dict(z=state['z'])) == (
        'a should be (2,), but is (3,); b should be (2,), but is missing; '
        'c should be (2,), but is missing')
    assert describe_differences(
        state, {}, dict(z=state['z'])) == ('z (5,) has no place in it')
