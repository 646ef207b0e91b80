#!/usr/bin/env bash
# Run the suite on sets of libraries, each in an environment of its own.
#
#   tools/matrix.sh [SET...]   files of requirements/sets, default all of them
#
# A set is the tested one (requirements/constraints.txt) but for its own lines.
# Variables:
#   MATRIX   folder of environments, logs and table.md, default work_dirs/matrix
#   UV       default .venv/bin/uv, which `make env` installs
#   TESTS    what pytest runs, default all
# uv has to find the Pythons: on the PATH, of pyenv, or among its own.
set -euo pipefail
cd "$(dirname "$0")/.."

export CUDA_VISIBLE_DEVICES='' OMP_NUM_THREADS=1
MATRIX=$(realpath -m "${MATRIX:-work_dirs/matrix}")
UV=${UV:-.venv/bin/uv}
read -ra tests <<<"${TESTS:-tests}"
# pyenv puts only the chosen version on the PATH; behind, as they are a choice
for folder in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do
    PATH=$PATH:$folder
done
mkdir -p "$MATRIX"
if [ $# = 0 ]; then
    for file in requirements/sets/*.txt; do
        set -- "$@" "$(basename "$file" .txt)"
    done
fi

# setting SET NAME: what follows "# NAME:" in its file
setting() {
    sed -n "s/^# $2: //p" "requirements/sets/$1.txt"
}

# names FILE: of the packages in a file, as one regular expression
names() {
    sed -n 's/^\([A-Za-z][A-Za-z0-9_-]*\).*/\1/p' "$1" | paste -sd '|'
}

build() {
    local folder=$MATRIX/$1 own=requirements/sets/$1.txt without pattern
    without=$(setting "$1" without)
    pattern=$(names "$own")
    pattern=${pattern:-none}${without:+|${without// /|}}
    grep -Ev "^($pattern)( *[=<>;#].*)?$" requirements/constraints.txt \
        >"$folder.constraints.txt"
    cat "$own" >>"$folder.constraints.txt"
    # uv does not leave out what is asked for, only what others bring
    cat requirements/{runtime,less,semires,sseg,onnx,app,files,tests}.txt |
        grep -Ev "^(${without:+${without// /|}|}none)( *[=<>;#].*)?$" \
            >"$folder.requirements.txt"
    tr ' ' '\n' <<<"$without" >"$folder.without.txt"
    names "$own" | tr '|' '\n' >>"$folder.requirements.txt"
    case " $without " in *" mmcv-lite "*) ;; *) echo mmcv-lite >>"$folder.requirements.txt" ;; esac
    "$UV" venv --quiet --allow-existing --seed --python "$(setting "$1" python)" \
        "$folder" || return 1
    local links index pip=("$UV" pip install --python "$folder/bin/python"
        --constraint "$folder.constraints.txt" --excludes "$folder.without.txt"
        --override requirements/overrides.txt --index-strategy unsafe-best-match)
    # uv does not read what pip's own settings add
    for links in ${PIP_FIND_LINKS:-$(python3 -m pip config get global.find-links 2>/dev/null || true)}; do
        pip+=(--find-links "$links")
    done
    for index in $(python3 -m pip config get global.extra-index-url 2>/dev/null || true); do
        pip+=(--extra-index-url "$index")
    done
    # built apart from torch, onedl-mmcv compiles nothing
    "${pip[@]}" setuptools wheel packaging torch || return 1
    "${pip[@]}" -r "$folder.requirements.txt"
}

table=$MATRIX/table.md
echo '| set | Python | torch | numpy | mmengine / mmcv / mmdet / mmdet3d / mmseg | result |' >"$table"
echo '|---|---|---|---|---|---|' >>"$table"
status=0
for name in "$@"; do
    [ -f "requirements/sets/$name.txt" ] || {
        echo "matrix: no set $name in requirements/sets" >&2
        exit 1
    }
    log=$MATRIX/$name.log
    echo "matrix: $name, $log says what happens"
    if ! build "$name" >"$log" 2>&1; then
        echo "| $name | - | - | - | - | the environment failed |" >>"$table"
        status=1
        continue
    fi
    python=$MATRIX/$name/bin/python
    PATH="$MATRIX/$name/bin:$PATH" PYTHONPATH="$PWD:$PWD/tests" "$python" \
        -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q "${tests[@]}" >>"$log" 2>&1 || status=1
    versions=$(PYTHONPATH="$PWD" "$python" -W ignore -c '
import platform
from importlib import import_module
import mmlangseg
def v(*names):
    return " / ".join(import_module(n).__version__ for n in names)
print(platform.python_version(), v("torch"), v("numpy"),
      v("mmengine", "mmcv", "mmdet", "mmdet3d", "mmseg"), sep=" | ")' | tail -n 1)
    result=$(grep -E '(passed|failed|error).* in [0-9]' "$log" | tail -n 1 |
        sed 's/, [0-9]* warnings\?//; s/ in .*//')
    echo "| $name | $versions | ${result:-no test was run} |" >>"$table"
done
cat "$table"
exit $status
