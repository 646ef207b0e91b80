#!/usr/bin/env bash
# mmdet3d 1.4.0: points and boxes that are rotated by a matrix turn the other
# way round than by the angle of that matrix.
#
# Input: `rotate(rotation)` of DepthPoints, "Rotation matrix or angle" by its
# docstring: a quarter turn about z, once as the angle pi / 2, once as its
# matrix [[0, -1, 0], [1, 0, 0], [0, 0, 1]], which takes x to y.
# Expected: the same points.
# Seen: the angle takes (1, 0, 0) to (0, 1, 0), the matrix to (0, -1, 0): the
# rows are multiplied by the matrix from the right, which is its inverse. What
# rotate() returns, "rotation matrix", is the transposed one, too, so that it
# can be given to another rotate(), but not be multiplied with columns. Boxes
# (DepthInstance3DBoxes, LiDARInstance3DBoxes) have the same lines. Whoever has
# a matrix from elsewhere (ScanNet's alignment, a pose) must transpose it, as
# mmdet3d's own GlobalAlignment does.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q torch==2.13.0 numpy==1.26.4 mmengine==0.10.7 'setuptools<82'
"$pip" install -q --no-deps mmdet3d==1.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util
import math
import sys
import types
from pathlib import Path

import torch

# only the modules of the points: importing the rest needs mmcv and mmdet
root = Path(importlib.util.find_spec('mmdet3d').submodule_search_locations[0])
for name in '', '.utils', '.structures', '.structures.bbox_3d':
    module = types.ModuleType('mmdet3d' + name)
    module.__path__ = [str(root.joinpath(*name.split('.')[1:]))]
    sys.modules['mmdet3d' + name] = module
from mmdet3d.utils.array_converter import array_converter
sys.modules['mmdet3d.utils'].array_converter = array_converter
from mmdet3d.structures.points import DepthPoints

quarter = torch.tensor([[0., -1., 0.], [1., 0., 0.], [0., 0., 1.]])
x, y = torch.eye(3)[:2]
assert torch.equal(quarter @ x, y)
by_angle, by_matrix = DepthPoints(x[None]), DepthPoints(x[None].clone())
returned = by_angle.rotate(math.pi / 2)
by_matrix.rotate(quarter)
print('by the angle: ', by_angle.tensor.tolist())
print('by the matrix:', by_matrix.tensor.tolist())
assert torch.allclose(by_angle.tensor, y, atol=1e-6), 'the angle turns so'
assert torch.allclose(by_matrix.tensor, -y), 'the matrix does not any more'
assert torch.allclose(returned, quarter.T, atol=1e-6)
print('as described')
PYTHON
