#!/usr/bin/env bash
# pye57 0.4.19: `write_scan_raw` rounds float64 coordinates to single precision,
# without a word; a scan in a national or UTM grid is off by decimeters.
#
# Input: three points 1 m apart in a UTM grid (x 500 km, y 4,500 km), as
# float64 arrays, written and read by pye57 alone.
# Expected: what is read is what was written, to far below a millimeter: E57
# has double precision, `read_scan` returns float64, and the bounds that the
# same call writes into the scan's header are exact.
# Seen: y comes back off by up to 7.9 cm (of at most 25 cm at this place), as
# the three coordinates are declared E57_SINGLE whatever dtype they have. The
# points then lie outside the bounds of their own header. There is no argument
# for it. What stays exact: coordinates near zero, with the rest in
# `translation`, which is written in double precision.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pye57==0.4.19 numpy==2.2.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pye57

x = np.array([500000.0123, 500001.0456, 500002.0789])
y = np.array([4500000.0123, 4500001.0456, 4500002.0789])
z = np.array([100.001, 100.002, 100.003])


def round_trip(name, points, translation):
    file = pye57.E57(name, mode='w')
    file.write_scan_raw(
        dict(zip(('cartesianX', 'cartesianY', 'cartesianZ'), points)),
        translation=translation)
    file.close()
    file = pye57.E57(name)
    scan = file.read_scan(0, ignore_missing_fields=True, transform=True)
    bound = float(file.get_header(0).yMaximum)
    file.close()
    return scan, bound


scan, exact = round_trip('grid.e57', (x, y, z), np.zeros(3))
assert scan['cartesianY'].dtype == np.float64
off = np.abs(scan['cartesianY'] - y)
print('y is off by', off, 'm')
print('bound of the header', exact, 'largest y', scan['cartesianY'].max())
origin = np.array([500000., 4500000., 0.])
near, _ = round_trip('near.e57', (x - origin[0], y - origin[1], z), origin)
print('with a translation y is off by', np.abs(near['cartesianY'] - y), 'm')

assert np.allclose(off, [0.0123, 0.0456, 0.0789], atol=1e-6), 'changed'
assert exact == y.max(), 'the bounds are rounded now, too'
assert np.abs(near['cartesianY'] - y).max() < 1e-6
print('as described')
PYTHON
