#!/usr/bin/env bash
# mmdet3d 1.4.0 with spconv 2.3.8 and MMEngine 0.10.7: weights without
# `_metadata` are left out.
#
# mmdet3d replaces how all layers of spconv load weights (in
# models/layers/spconv/overwrite_spconv/write_spconv2.py), as soon as it is
# imported.
# Input: the weights of a layer, as a plain dict of name and tensor, which is
# what averaging checkpoints, safetensors and {k: v for ...} give.
# Expected: they are loaded, as PyTorch loads them.
# Seen: the kernel is permuted as if it came from spconv 1, its shape then
# disagrees, and the layer keeps its random weights; MMEngine's
# load_state_dict, as its Runner calls it, logs a warning and goes on. Where
# all sides of a kernel are equal, it is loaded permuted, without a warning.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q torch==2.13.0 spconv==2.3.8 numpy==1.26.4 \
    mmengine==0.10.7 'setuptools<82'
"$pip" install -q --no-deps mmdet3d==1.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util
from pathlib import Path

import spconv.pytorch as spconv
import torch
from mmengine.runner.checkpoint import load_state_dict

# only the file that `import mmdet3d.models` runs: the rest needs mmcv
folder = importlib.util.find_spec('mmdet3d').submodule_search_locations[0]
path = Path(folder, 'models/layers/spconv/overwrite_spconv/write_spconv2.py')
spec = importlib.util.spec_from_file_location('write_spconv2', path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert module.register_spconv2()

for channels in (8, 3):
    trained, layer = (
        spconv.SubMConv3d(channels, channels, 3, bias=False)
        for _ in range(2))
    before = layer.weight.detach().clone()
    load_state_dict(layer, trained.state_dict())
    assert torch.equal(layer.weight, trained.weight), 'with metadata'
    layer.weight.data.copy_(before)
    load_state_dict(layer, dict(trained.state_dict()))
    print(f'{channels} channels: loaded as they are: '
          f'{torch.equal(layer.weight, trained.weight)}, unchanged: '
          f'{torch.equal(layer.weight, before)}')
    assert torch.equal(layer.weight, before) == (channels == 8)
    assert not torch.equal(layer.weight, trained.weight)
PYTHON
