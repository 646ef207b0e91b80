"""The stand-in of mmcv._ext, beside the compiled one where there is one."""
from __future__ import annotations
import importlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from mmlangseg.compat import mmcv_ext

WHEELS = Path(__file__).resolve().parents[3] / 'shared' / 'wheels'
OPTIONS = dict(spatial_scale=0.5, pool_mode=1, aligned=True)


@pytest.fixture(scope='module')
def compiled(tmp_path_factory):
    """The compiled module: that of the environment, or of a wheel."""
    module = importlib.import_module('mmcv._ext')
    if not getattr(module, 'is_stand_in', False):
        return module
    for wheel in WHEELS.glob('mmcv-*.whl'):
        with zipfile.ZipFile(wheel) as archive:
            names = [n for n in archive.namelist() if '_ext.' in n]
            path = archive.extract(names[0], tmp_path_factory.mktemp('mmcv'))
        spec = importlib.util.spec_from_file_location('mmcv._ext', path)
        try:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        except ImportError:  # made for another Python or torch
            continue
    pytest.skip('there is no compiled MMCV to compare with')


def random_boxes(count: int, scale: float = 40.) -> torch.Tensor:
    corner, size = torch.rand(2, count, 2) * scale
    return torch.cat([corner, corner + size], 1)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.7])
def test_nms_equals_the_compiled_one(compiled, offset, threshold):
    torch.manual_seed(0)
    boxes, scores = random_boxes(300), torch.rand(300)
    boxes[7] = boxes[3]
    boxes[9, 2:] = boxes[9, :2]  # without area
    options = dict(iou_threshold=threshold, offset=offset)
    expected = compiled.nms(boxes, scores, **options)
    assert torch.equal(mmcv_ext.nms(boxes, scores, **options), expected)
    assert 0 < len(expected) < 300


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('samples', [0, 2])
def test_roi_align_equals_the_compiled_one(compiled, samples, aligned):
    torch.manual_seed(0)
    features, image = torch.rand(3, 5, 17, 23), torch.randint(3, (40, 1))
    rois = torch.cat([image, random_boxes(40, 60.) - 15], 1)
    rois[0, 3:] = rois[0, 1:3]  # empty
    options = dict(
        OPTIONS,
        aligned=aligned,
        sampling_ratio=samples,
        aligned_height=3,
        aligned_width=4)
    unused, gradient = torch.zeros(0), torch.rand(40, 5, 3, 4)
    outputs, gradients = [], []
    for module in (compiled, mmcv_ext):
        outputs.append(torch.zeros(40, 5, 3, 4))
        module.roi_align_forward(features, rois, outputs[-1], unused, unused,
                                 **options)
        gradients.append(torch.zeros_like(features))
        module.roi_align_backward(gradient, rois, unused, unused,
                                  gradients[-1], **options)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        gradients[1], gradients[0], rtol=1e-4, atol=1e-4)
    assert outputs[0].abs().max() > 0.5


def test_nms_by_hand():
    boxes = torch.tensor([[0., 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30],
                          [0, 0, 5, 5]])
    scores = torch.tensor([0.5, 0.9, 0.1, 0.7])
    # IoU of the first two is 0.8, of the second and the last 25 / 80
    assert mmcv_ext.nms(boxes, scores, 0.75, 0).tolist() == [1, 3, 2]
    assert mmcv_ext.nms(boxes, scores, 0.81, 0).tolist() == [1, 3, 0, 2]
    assert mmcv_ext.nms(boxes, scores, 0.31, 0).tolist() == [1, 2]
    assert mmcv_ext.nms(boxes[:0], scores[:0], 0.5, 0).tolist() == []


def test_roi_align_of_a_ramp_is_the_middle_of_each_cell():
    ramp = torch.arange(16.).expand(1, 1, 12, 16).contiguous()
    rois = torch.tensor([[0., 4, 4, 20, 16]])  # 2 to 10 after the scale
    output = torch.zeros(1, 1, 2, 4)
    mmcv_ext.roi_align_forward(
        ramp,
        rois,
        output,
        None,
        None,
        **OPTIONS,
        sampling_ratio=0,
        aligned_height=2,
        aligned_width=4)
    assert output[0, 0].tolist() == [[2.5, 4.5, 6.5, 8.5]] * 2


def test_the_gradient_is_the_transpose():
    torch.manual_seed(0)
    features = torch.rand(1, 2, 9, 9, dtype=torch.float64)
    rois = torch.tensor([[0, -3.2, 1.1, 9.7, 22.]], dtype=torch.float64)
    options = dict(
        OPTIONS, sampling_ratio=0, aligned_height=3, aligned_width=2)
    output = features.new_zeros(1, 2, 3, 2)
    mmcv_ext.roi_align_forward(features, rois, output, None, None, **options)
    weights = torch.rand_like(output)
    gradient = torch.zeros_like(features)
    mmcv_ext.roi_align_backward(weights, rois, None, None, gradient, **options)
    torch.testing.assert_close((gradient * features).sum(),
                               (weights * output).sum())


def test_a_region_that_ends_before_it_starts():
    with pytest.raises(ValueError, match='ends before it starts'):
        mmcv_ext.roi_align_forward(
            torch.zeros(1, 1, 4, 4),
            torch.tensor([[0., 3, 0, 1, 2]]),
            torch.zeros(1, 1, 1, 1),
            None,
            None,
            **OPTIONS,
            sampling_ratio=0,
            aligned_height=1,
            aligned_width=1)


USE_IT = """
import importlib.abc, sys

class NoCompiledCode(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == 'mmcv._ext':
            finder = sys.meta_path[-1]
            return finder.find_spec(name, path, target)

import mmlangseg
sys.meta_path.insert(0, NoCompiledCode())
import torch, mmcv.ops
from mmcv.ops import nms, roi_align, deform_conv2d
import mmdet.models, mmseg.models
x = torch.rand(1, 1, 8, 8, requires_grad=True)
y = roi_align(x, torch.tensor([[0., 0, 0, 8, 8]]), (1, 1), 1., 0, 'avg', True)
y.sum().backward()
assert torch.allclose(y, x.mean()), y
assert torch.allclose(x.grad, torch.full_like(x, 1 / 64)), x.grad
_, kept = nms(torch.tensor([[0., 0, 4, 4], [0, 0, 4, 3]]),
              torch.tensor([.1, .2]), 0.5)
assert kept.tolist() == [1]
print(mmcv.ops.get_compiler_version())
w = torch.rand(1, 1, 3, 3)
deform_conv2d(torch.rand(1, 1, 8, 8), torch.rand(1, 18, 6, 6), w)
"""


def test_mmcv_works_on_it_and_other_operators_name_the_remedy():
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', USE_IT],
                          cwd=Path(__file__).resolve().parents[2],
                          text=True,
                          capture_output=True)
    assert 'none (mmcv-lite)' in done.stdout, done.stderr[-2000:]
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('RuntimeError: the operator deform_conv_forward of '
                           'MMCV is compiled code'), last
    assert 'pip install --no-build-isolation mmcv==2.1.0' in last


def test_a_compiled_module_is_preferred():
    assert [type(f).__name__ for f in sys.meta_path].count('_ExtFinder') == 1
    mmcv_ext.provide_mmcv_ext()
    assert [type(f).__name__ for f in sys.meta_path].count('_ExtFinder') == 1
    names = [type(f).__name__ for f in sys.meta_path]
    path_finder = sys.meta_path.index(importlib.machinery.PathFinder)
    assert names.index('_ExtFinder') > path_finder
