#!/usr/bin/env bash
# trimesh 5.2.0: points of an OBJ file that no face uses.
#
# Expected: trimesh.load(..., process=False) gives the vertices as the file has
#   them, so that labels per point, from another file, still fit; of a PLY file
#   of the same mesh it does.
# Seen: of an OBJ file the vertices that no face uses are missing, and those
#   behind them move up: here 3 of 4. Scans often have such points.
#   maintain_order=True keeps them.
# Exit status: 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    trimesh==5.2.0 numpy==1.26.4
cat > "$folder/scan.obj" <<'OBJ'
v 0 0 0
v 9 9 9
v 1 0 0
v 0 1 0
f 1 3 4
OBJ
cat > "$folder/scan.ply" <<'PLY'
ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
element face 1
property list uchar int vertex_indices
end_header
0 0 0
9 9 9
1 0 0
0 1 0
3 0 2 3
PLY
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import sys
import trimesh
folder = sys.argv[1]
counts = {
    'PLY': len(trimesh.load(f'{folder}/scan.ply', process=False).vertices),
    'OBJ': len(trimesh.load(f'{folder}/scan.obj', process=False).vertices),
    'OBJ, maintain_order': len(
        trimesh.load(f'{folder}/scan.obj', process=False,
                     maintain_order=True).vertices),
}
print(counts, '(4 each)')
sys.exit(0 if list(counts.values()) == [4, 3, 4] else 1)
PYTHON
