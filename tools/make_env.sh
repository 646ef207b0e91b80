#!/usr/bin/env bash
# Make the environment of `make demo` and `make test` in .venv.
#
# Does nothing if it is up to date. Variables:
#   VENV    where, default .venv
#   PYTHON  interpreter, default the first of python3.11, 3.12, 3.10 found
#   TORCH   what to install as torch, default the version in constraints.txt,
#           for example TORCH="torch==2.6.0 --index-url URL" for another build
set -euo pipefail
cd "$(dirname "$0")/.."

# mmcv would be built with nvcc where there is a GPU
export CUDA_VISIBLE_DEVICES=

VENV=${VENV:-.venv}
CONSTRAINTS=requirements/constraints.txt
TORCH=${TORCH:-$(grep '^torch==' $CONSTRAINTS)}
MMCV=$(grep '^mmcv==' $CONSTRAINTS)
STAMP=$VENV/.mmlangseg-stamp
KEY="$PWD $TORCH $(cat requirements/*.txt setup.py | cksum)"
if [ -x "$VENV/bin/python" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$KEY" ]; then
    exit 0
fi

die() {
    echo "make_env: $*" >&2
    exit 1
}

# step TITLE COMMAND...: run it, say every 20 seconds that it still does
step() {
    local title=$1 started=$SECONDS next=$((SECONDS + 20)) pid
    shift
    echo "make_env: $title"
    "$@" >>"$LOG" 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        if ((SECONDS >= next)); then
            next=$((SECONDS + 20))
            echo "make_env: ... $title, $(((SECONDS - started) / 60)) min" \
                "$(((SECONDS - started) % 60)) s"
        fi
    done
    trap - INT TERM
    wait "$pid"
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.10 python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip
sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

has_compiler() {
    command -v c++ || command -v g++ || command -v clang++
} >/dev/null

python=$(find_python) ||
    die "no Python 3.10, 3.11 or 3.12 with venv found, name one: PYTHON=..."
free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
if [ ! -e "$VENV" ] && [ "$free" -lt 6 ]; then
    die "$free GB of disk are free here, the environment needs 6"
fi
if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
    "$python" -m venv --clear "$VENV"
fi
LOG=$VENV/make_env.log
: >"$LOG"
pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
failed="failed, the end of $LOG says why:"

# torch may be another one than the tested one
grep -v '^torch==' $CONSTRAINTS >"$VENV/constraints.txt"
constrained=("${pip[@]}" install -c "$VENV/constraints.txt")

step 'installing build tools' "${constrained[@]}" \
    setuptools wheel packaging ninja || die "$failed $(tail -n 3 "$LOG")"
# TORCH may hold options
# shellcheck disable=SC2086
step "installing $TORCH" "${constrained[@]}" $TORCH numpy ||
    die "$failed $(tail -n 3 "$LOG")"

# mmcv is compiled against this torch, so it has to come after it
mmcv_works() { "$VENV/bin/python" -c 'import mmcv._ext' 2>>"$LOG"; }
if ! mmcv_works; then
    step "installing $MMCV, if there is a wheel" \
        "${constrained[@]}" --only-binary mmcv "$MMCV" || true
fi
if ! mmcv_works; then
    has_compiler || die "no wheel of $MMCV fits, and there is no C++" \
        "compiler to build it: install g++"
    "$VENV/bin/python" -c 'import os, sys, sysconfig
sys.exit(not os.path.isfile(sysconfig.get_path("include") + "/Python.h"))' ||
        die "no wheel of $MMCV fits, and Python.h, to build it, is missing:" \
            "install the development package of Python (python3-dev)"
    echo "make_env: no wheel of $MMCV fits this torch, so it is compiled once;" \
        "about 13 minutes on two cores"
    "${pip[@]}" uninstall -q -y mmcv >>"$LOG" 2>&1
    step "compiling $MMCV" "${constrained[@]}" --no-build-isolation \
        --no-binary mmcv --no-cache-dir "$MMCV" ||
        die "$failed $(tail -n 3 "$LOG")"
    mmcv_works || die "$MMCV was compiled, but does not load: see $LOG"
fi

requirements=()
for file in runtime less semires sseg tests; do
    requirements+=(-r "requirements/$file.txt")
done
step 'installing the other requirements' "${constrained[@]}" \
    "${requirements[@]}" || die "$failed $(tail -n 3 "$LOG")"
step 'installing mmlangseg' "${pip[@]}" install --no-build-isolation \
    --no-deps -e . || die "$failed $(tail -n 3 "$LOG")"
"$VENV/bin/python" tools/analysis_tools/check_env.py >>"$LOG" 2>&1 ||
    die "versions clash, run $VENV/bin/python tools/analysis_tools/check_env.py"
echo "$KEY" >"$STAMP"
echo "make_env: $VENV is ready after $((SECONDS / 60)) min $((SECONDS % 60)) s"
