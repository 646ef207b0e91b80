#!/usr/bin/env bash
# torch 2.13.0 and Pillow 13.0.0: "nearest-exact" is not Pillow's NEAREST.
#
# Expected: torch.nn.functional.interpolate documents that
#   mode='nearest-exact' "matches Scikit-Image and PIL nearest neighbours
#   interpolation algorithms", so a mask resized by one library equals that of
#   the other, and both read the pixel in which the exact centre
#   (i + 1/2) * source / target lies.
# Seen: for the usual 640 -> 480 pixels (COCO to the input of LAVT and SAM-based
#   pipelines) Pillow reads another pixel in 99 of 480 columns: every third
#   centre lies on the border of two pixels, torch takes the right one as the
#   exact rule does, and Pillow, which adds up the step in floating point, often
#   the left one. A mask of one column is lost in one library and kept in the
#   other. Where the ratio is a power of two they agree.
# What it costs: true masks resized by Pillow (MMCV's pillow backend, torchvision
#   on PIL images) and candidates resized by torch are not the same masks.
#
# Exit status: 0 while this is so, 1 if the behaviour has changed.
set -euo pipefail
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT
python3 -m venv "$W/venv"
"$W/venv/bin/pip" install -q torch==2.13.0 pillow==13.0.0 numpy==1.26.4
cat > "$W/check.py" <<'EOF'
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

# what the documentation says
assert 'matches Scikit-Image and PIL' in ' '.join(F.interpolate.__doc__.split())


def columns(source, target):
    """Which columns each library reads, and the exact rule."""
    ramp = np.arange(source, dtype=np.int32)[None]
    pillow = np.asarray(
        Image.fromarray(ramp).resize((target, 1), Image.Resampling.NEAREST))
    theirs = F.interpolate(
        torch.from_numpy(ramp.astype(np.float64))[None], target,
        mode='nearest-exact')
    exact = (2 * np.arange(target) + 1) * source // (2 * target)
    return pillow[0], theirs[0, 0].numpy().astype(int), exact


changed = False
for source, target, expected in ((640, 480, 99), (320, 480, 99),
                                 (448, 224, 0), (224, 896, 0)):
    pillow, theirs, exact = columns(source, target)
    differ = int((pillow != theirs).sum())
    print(f'{source} -> {target}: {differ} of {target} columns differ, '
          f'first {np.flatnonzero(pillow != theirs)[:3].tolist()}; torch '
          f'is exact in all but {(theirs != exact).sum()}, Pillow in all but '
          f'{(pillow != exact).sum()}')
    changed |= differ != expected

# a mask of one column, in both libraries
pillow, theirs, _ = columns(640, 480)
lost = sorted(set(theirs.tolist()) - set(pillow.tolist()))
print(f'{len(lost)} columns of 640 that torch reads and Pillow does not')
raise SystemExit(1 if changed or not lost else 0)
EOF
"$W/venv/bin/python" "$W/check.py"
