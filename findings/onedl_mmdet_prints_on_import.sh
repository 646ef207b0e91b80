#!/usr/bin/env bash
# onedl-mmdetection 3.5.1 writes to standard output when it is imported.
#
# Input: `import mmdet.datasets`, without the optional package onedl.
# Expected: nothing on standard output, which belongs to the program; the
# message has the level DEBUG.
# Seen: "Could not import OneDL. Skipping OneDL datasets.", once for data sets
# and once for transforms: MMEngine's `print_log` without a logger prints at any
# level. A program whose output is read by another one, as JSON, has to redirect
# standard output while it imports.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q torch==2.13.0
"$pip" install -q 'numpy<2.5' onedl-mmengine==0.10.12 onedl-mmcv==2.3.6 \
    onedl-mmdetection==3.5.1 opencv-python-headless==4.12.0.88
cd "$folder"
"$folder/venv/bin/python" -W ignore -c 'import mmdet.datasets' >stdout 2>stderr
sort stdout | uniq -c
[ "$(grep -c 'Skipping OneDL' stdout)" -ge 2 ]
