#!/usr/bin/env bash
# mmengine 0.10.7: EarlyStoppingHook and a score that does not change.
# Expected: as its documentation says, training stops after `patience`
#   validations with no improvement; a score that is the same in every one (a
#   collapsed model) is no improvement, so patience=5 ends the run.
# Seen: with min_delta=0 an equal score counts as an improvement and resets
#   the counter: 1,000 validations of a constant score do not stop it. (With
#   the default min_delta=0.1 it stops.)
# Exit status: 0 while this is so, not 0 when the behavior changes.
set -e
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
"${PYTHON:-python3}" -m venv "$TMP/venv"
PIP="$TMP/venv/bin/pip --quiet --disable-pip-version-check install"
$PIP torch==2.13.0 numpy==1.26.4 "setuptools<81"
$PIP --no-deps mmengine==0.10.7
$PIP addict==2.4.0 pyyaml==6.0.3 rich==15.0.0 termcolor==3.3.0 yapf==0.43.0 \
    matplotlib==3.10.0 packaging==26.3 opencv-python-headless==4.10.0.84
cd "$TMP"
cat > check.py <<'PY'
import logging
import sys
from types import SimpleNamespace
from mmengine.hooks import EarlyStoppingHook


def validations(score, min_delta):
    hook = EarlyStoppingHook(
        'mIoU', rule='greater', min_delta=min_delta, patience=5)
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(train_loop=loop, logger=logging.getLogger())
    for number in range(1, 1001):
        hook.after_val_epoch(runner, dict(mIoU=score))
        if loop.stop_training:
            return number
    return None


constant, default = validations(30., 0.), validations(30., 0.1)
print('stopped after validations: min_delta=0:', constant,
      ' min_delta=0.1:', default)
sys.exit(0 if constant is None and default == 6 else 'changed')
PY
venv/bin/python -W ignore check.py
