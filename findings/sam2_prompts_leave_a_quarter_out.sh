#!/usr/bin/env bash
# transformers 5.23.0 with torch 2.13.0: "segment everything" (the pipeline
# mask-generation) with SAM 2, SAM 3 or EdgeTAM. The grid of prompts is shown
# with the function of the image processor that makes it; torchvision, which
# its module asks for and this function does not use, is left out.
#
# Expected: the grid of point prompts covers the whole image, since the image
# processors of these models squash an image to a square of 1024 x 1024.
# Seen: the prompts are scaled by the longest edge, as for SAM, which pads.
# Of a 480 x 640 image the lowest of 32 x 32 prompts is at row 354.4, of a
# 640 x 480 image the rightmost at column 354.4: a quarter of a 3:4 photograph
# has no prompt, and objects there are found by accident only.
#
# Exits with 0 while this is so. What to do: scale the points per axis,
# (x / width, y / height) * 1024, before they are given to the model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 transformers==5.23.0 \
    numpy==2.2.6 pillow==11.3.0
"$folder/venv/bin/python" - <<'PY'
import importlib
import sys
import types

# The grid is plain tensor arithmetic; only the module's head asks for this.
boxes = types.ModuleType('torchvision.ops.boxes')
boxes.batched_nms = None
import torch
import transformers.image_processing_backends  # without torchvision

sys.modules.update({
    'torchvision': types.ModuleType('torchvision'),
    'torchvision.ops': types.ModuleType('torchvision.ops'),
    'torchvision.ops.boxes': boxes
})
sam2 = importlib.import_module(
    'transformers.models.sam2.image_processing_sam2')

side = 1024
assert sam2.Sam2ImageProcessor.size == {'height': side, 'width': side}
seen = {}
for height, width in ((480, 640), (640, 480)):
    image = torch.zeros(3, height, width)
    _, points, _, _ = sam2._generate_crop_boxes(image, side)
    assert points.shape == (1, 1024, 1, 2)
    x, y = points.amax((0, 1, 2)).tolist()
    # where in the image the network sees these points
    seen[height, width] = x * width / side, y * height / side
    print(f'{height} x {width}: rightmost column '
          f'{seen[height, width][0]:.1f}, lowest row '
          f'{seen[height, width][1]:.1f}')
assert seen[480, 640][0] > 620 and abs(seen[480, 640][1] - 354.4) < 1
assert seen[640, 480][1] > 620 and abs(seen[640, 480][0] - 354.4) < 1
PY
echo 'as described'
