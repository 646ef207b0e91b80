#!/usr/bin/env bash
# mmsegmentation 1.2.2 with torch 2.13.0 (CPU): IoUMetric on a large image.
#
# Expected: a prediction of one class everywhere, for a label map of 6000 x
#   4000 pixels of which a quarter is another class, has IoU 75 for it.
# Seen: IoU 100 with one thread (as torchrun sets it), and about 75 with
#   several. IoUMetric counts with torch.histc in float32, in which 2**24 + 1
#   is 2**24, so that a thread counts 16,777,216 pixels of a class at most.
# Exit status: 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pip="$folder/env/bin/pip install --quiet --disable-pip-version-check"
$pip torch==2.13.0 numpy==1.26.4 'setuptools<81'
$pip --no-deps mmsegmentation==1.2.2 mmengine==0.10.7
$pip prettytable==3.16.0 pyyaml rich termcolor yapf addict pillow matplotlib
# The file of the metric alone: the package would import a compiled mmcv.
cat > "$folder/count.py" <<'PYTHON'
import importlib.metadata
import sys
import types
import torch
from mmengine.registry import Registry
package = importlib.metadata.distribution('mmsegmentation')
path = package.locate_file('mmseg/evaluation/metrics/iou_metric.py')
registry = types.ModuleType('mmseg.registry')
registry.METRICS = Registry('metric')
sys.modules.update({'mmseg': types.ModuleType('mmseg'),
                    'mmseg.registry': registry})
scope = dict(__name__='iou_metric')
exec(compile(open(path).read(), str(path), 'exec'), scope)
label = torch.zeros(4000, 6000, dtype=torch.int64)
label[3000:] = 1
torch.set_num_threads(1)
inter, union, *_ = scope['IoUMetric'].intersect_and_union(
    torch.zeros_like(label), label, 2, 255)
print(f'intersection {inter[0]:.0f} (18000000), union {union[0]:.0f} '
      f'(24000000), IoU {100 * inter[0] / union[0]:.2f} (75.00)')
sys.exit(0 if inter[0] == union[0] == 2**24 else 1)
PYTHON
"$folder/env/bin/python" "$folder/count.py"
