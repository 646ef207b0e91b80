"""What a test says of words that the text encoder does not know."""
from __future__ import annotations

import lavt_model
import pytest
import sseg_model
from mmengine.registry import init_default_scope

from mmlangseg.engine.launch import build_runner, load_config


@pytest.mark.parametrize('system, changes, message', [
    (lavt_model, {}, 'different sentences with such words, for example'),
    (sseg_model, {
        'model.vocabulary.classes': ['zebra', 'okapi', 'grass']
    }, "does not know 'zebra', 'okapi' in names of classes, and cannot tell "
     'apart zebra = okapi'),
])
def test_one_warning(system, changes, message, tmp_path):
    path = system.write_config(
        tmp_path, custom_hooks=[dict(type='UnknownWordsHook')])
    init_default_scope('mmseg')
    model = system.build(system.model_config(tmp_path))
    cfg = load_config(str(path), options=changes, work_dir=str(tmp_path / 'w'))
    cfg.load_from = str(system.save_checkpoint(tmp_path / 'a.pth', model))
    cfg.experiment_name = f'unknown_{system.__name__}'
    build_runner(cfg).test()
    log, = (tmp_path / 'w').glob('*/*.log')
    lines = [
        line for line in log.read_text().splitlines()
        if 'the text encoder does not know' in line
    ]
    assert len(lines) == 1 and message in lines[0]
    assert ' - WARNING - ' in lines[0]
