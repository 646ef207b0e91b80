import runpy

import numpy as np
import pytest
from command_line import ROOT, run_tool

TOOL = ROOT / 'tools' / 'semires' / 'evaluate_refinement.py'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TOOL))


def test_iou(tool):
    mask = np.array([[1, 1, 0, 0]], dtype=bool)
    assert tool['iou'](mask, np.array([[0, 1, 1, 0]], dtype=bool)) == (
        pytest.approx(100 / 3))
    empty = np.zeros_like(mask)
    assert tool['iou'](empty, empty) == 100  # nothing is meant, nor found


def test_summary(tool):
    before, after = np.array([10., 20., 60.]), np.array([10., 80., 70.])
    row = tool['summarize'](before, after, np.array([False, True, True]))
    assert row == pytest.approx(
        dict(
            matched=200 / 3, mIoU=160 / 3, matched_before=40,
            matched_after=75))
    none = tool['summarize'](before, before, np.zeros(3, dtype=bool))
    assert none['matched'] == none['matched_after'] == 0


def test_refiner_on_the_command_line(tool):
    read = tool['read_refiner']
    assert read(['CPI', 'mode=uo', 'max_area_ratio=1.5']) == dict(
        type='CPI', mode='uo', max_area_ratio=1.5)
    with pytest.raises(ValueError, match="'threshold' is not KEY=VALUE"):
        read(['IOM', 'threshold'])
    with pytest.raises(ValueError, match='IOU: there is no such refiner'):
        read(['IOU'])


def test_config_without_unlabelled_images(tmp_path):
    config, weights = ROOT / 'configs' / 'lavt_refcoco.py', tmp_path / 'a.pth'
    weights.touch()
    out = run_tool('semires/evaluate_refinement.py', config, weights, code=1)
    assert f'error: {config} has no unlabelled images' in out
