#!/usr/bin/env bash
# onedl-mmengine 0.10.12 with onedl-mmsegmentation 1.4.2: configs of the one
# are not found by the other.
#
# Input: a config whose base is `mmseg::_base_/models/upernet_mae.py`, a file
# that onedl-mmsegmentation ships in mmseg/.mim/configs.
# Expected: the base is read, as MMEngine 0.10.7 does with mmsegmentation 1.2.2.
# Seen: "mmsegmentation is not installed": the names of MMEngine's packages were
# not changed with those of the distributions, and there is no fallback to the
# importable module, which is there. The file itself is read where it is named
# by its path.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q torch==2.13.0 'numpy<2.5' onedl-mmengine==0.10.12
"$pip" install -q --no-deps onedl-mmsegmentation==1.4.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util
from pathlib import Path

from mmengine.config import Config

name = '_base_/models/upernet_mae.py'
package, = importlib.util.find_spec('mmseg').submodule_search_locations
path = Path(package, '.mim/configs', name)
assert path.is_file(), path
for base in (str(path), f'mmseg::{name}'):
    Path('config.py').write_text(f'_base_ = {base!r}\n')
    try:
        read = Config.fromfile('config.py').model.type
    except ModuleNotFoundError as error:
        read = str(error)
    print(f'{base[-36:]}: {read}')
assert read.startswith('mmsegmentation is not installed'), read
PYTHON
