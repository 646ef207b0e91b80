#!/usr/bin/env bash
# spconv 2.3.8, on the CPU: voxels far apart become neighbors in large grids.
#
# Input: two blocks of 400 voxels in a grid of 5008 x 2512 x 1008 voxels (a
# floor of 100 x 50 x 20 m at 2 cm), more than 1,600 voxels apart along x.
# Expected: a submanifold convolution of 3 x 3 x 3 gives the voxels of the
# first block the features that they have without the second one.
# Seen: about half of them differ, by up to half of the largest feature, and
# there is no error: the table of the neighbors is keyed by int32, so that
# voxels whose numbers in the grid differ by 2^32 are one. The check of the
# volume ("kernel volume must smaller than max value") is computed in int32 as
# well, so it does not fire.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 spconv==2.3.8 numpy==1.26.4
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import spconv.pytorch as spconv
import torch

torch.set_num_threads(1)  # several threads are another matter
torch.manual_seed(0)
SHAPE, SIDE = [5008, 2512, 1008], 20
numbers = torch.randperm(SIDE**3)[:400]
block = torch.stack([
    torch.zeros_like(numbers), numbers // SIDE**2, numbers // SIDE % SIDE,
    numbers % SIDE
], 1)
far = block + torch.tensor([0, 1696, 528, 256])  # 2^32 voxels further on
features = torch.randn(800, 4)
layer = spconv.SubMConv3d(4, 4, 3, bias=False)


def run(indices, features):
    x = spconv.SparseConvTensor(features, indices.int(), SHAPE, 1)
    with torch.no_grad():
        return layer(x).features


alone = run(block, features[:400])
both = run(torch.cat([block, far]), features)[:400]
wrong = (both - alone).abs().amax(1) > 1e-4
print(f'{int(wrong.sum())} of 400 voxels changed, by up to '
      f'{(both - alone).abs().max():.2f}; the largest feature is '
      f'{alone.abs().max():.2f}')
assert wrong.sum() > 50, 'the behavior has changed'
PYTHON
