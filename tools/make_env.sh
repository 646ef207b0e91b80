#!/usr/bin/env bash
# Make the environment of `make demo` in .venv; with names of files of
# requirements, such as those of `make test` and `make app`, what these need, too.
#
#   tools/make_env.sh [app] [tests]
#
# Does nothing if it is up to date. Variables:
#   VENV    where, default .venv
#   PYTHON  interpreter, default the first of python3.11, 3.12, 3.10, 3.13 found
#   TORCH   what to install as torch, default the version in constraints.txt
#           for the CPU, for example TORCH="torch==2.14.1 torchvision==0.29.1"
#   MMCV    default mmcv-lite==2.1.0, which compiles nothing; mmcv==2.1.0 has
#           compiled operators and takes many minutes where there is no wheel
set -euo pipefail
cd "$(dirname "$0")/.."

# nothing here looks for a GPU
export CUDA_VISIBLE_DEVICES=

VENV=${VENV:-.venv}
CONSTRAINTS=requirements/constraints.txt
TORCH=${TORCH:-$(grep '^torch==' $CONSTRAINTS)}
MMCV=${MMCV:-$(grep '^mmcv-lite==' $CONSTRAINTS)}
KEY="$PWD $TORCH $MMCV $(cat requirements/*.txt setup.py | cksum)"

die() {
    echo "make_env: $*" >&2
    exit 1
}

# stamp GROUP: where its key is, after it was installed
stamp() {
    echo "$VENV/.mmlangseg-stamp-$1"
}

missing=()
for group in base "$@"; do
    [ "$group" = base ] || [ -f "requirements/$group.txt" ] ||
        die "there is no requirements/$group.txt"
    if [ ! -x "$VENV/bin/python" ] ||
        [ "$(cat "$(stamp "$group")" 2>/dev/null)" != "$KEY" ]; then
        missing+=("$group")
    fi
done
if [ ${#missing[@]} = 0 ]; then
    exit 0
fi

# step TITLE COMMAND...: run it, say every 10 seconds that it still does
step() {
    local title=$1 started=$SECONDS next=$((SECONDS + 10)) pid
    shift
    echo "make_env: $title"
    "$@" >>"$LOG" 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS >= next)); then
            next=$((SECONDS + 10))
            echo "make_env: ... $title, $((SECONDS - started)) s"
        fi
    done
    trap - INT TERM
    wait "$pid" || die "$title failed, $LOG says why: $(tail -n 3 "$LOG")"
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.10 python3.13 python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip
sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if [ "${missing[0]}" = base ]; then
    python=$(find_python) ||
        die "no Python 3.10 to 3.13 with venv found, name one: PYTHON=..."
    free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
    if [ ! -e "$VENV" ] && [ "$free" -lt 4 ]; then
        die "$free GB of disk are free here, the environment needs 4"
    fi
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        "$python" -m venv --clear "$VENV"
    fi
    # another base may have other versions of what the groups need
    rm -f "$VENV"/.mmlangseg-stamp*
    missing=(base "$@")
fi
LOG=$VENV/make_env.log
: >"$LOG"

# torch and mmcv may be others than the tested ones
grep -v '^\(torch\|mmcv-lite\)==' $CONSTRAINTS >"$VENV/constraints.txt"
pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
step 'uv, which installs the rest' "${pip[@]}" install \
    -c "$VENV/constraints.txt" uv

# uv does not read pip's own list of folders with wheels
uv=("$VENV/bin/uv" pip install --python "$VENV/bin/python"
    --constraint "$VENV/constraints.txt" --override requirements/overrides.txt)
links=${PIP_FIND_LINKS:-$("${pip[@]}" config get global.find-links 2>/dev/null || true)}
for link in $links; do
    uv+=(--find-links "$link")
done

install_torch() {
    local wanted
    # TORCH may name several packages
    read -ra wanted <<<"$TORCH"
    if [[ $TORCH == *torchvision* ]]; then
        "${pip[@]}" install "${wanted[@]}"
    elif has_cpu_build "${wanted[@]}"; then
        "${uv[@]}" "${wanted[@]}"
    else
        "${uv[@]}" --torch-backend cpu "${wanted[@]}" || {
            echo 'make_env: no build for the CPU can be had, so that of pip' \
                'is taken: several GB' >&3
            "${pip[@]}" install "${wanted[@]}"
        }
    fi
}

# whether pip would take a build for the CPU of its own accord
has_cpu_build() {
    [ "$(uname -sm)" != 'Linux x86_64' ] || "${pip[@]}" install --dry-run \
        --no-deps --ignore-installed --report - --quiet "$@" | grep -q '+cpu\|%2Bcpu'
}

install_base() {
    step 'build tools' "${uv[@]}" setuptools wheel packaging ninja
    step "$TORCH" install_torch
    # mmcv and mmcv-lite hold the same files, so that one has to go first; a
    # compiled MMCV has to come after the torch that it is built against
    "${pip[@]}" uninstall -q -y "$([[ $MMCV == mmcv-lite* ]] && echo mmcv ||
        echo mmcv-lite)" >>"$LOG" 2>&1
    case $MMCV in
    mmcv==*)
        step "$MMCV; without a wheel it is compiled, which takes 15 minutes" \
            "${uv[@]}" --no-build-isolation "$MMCV"
        step 'a look at its operators' "$VENV/bin/python" -c 'import mmcv._ext'
        ;;
    *) step "$MMCV" "${uv[@]}" "$MMCV" ;;
    esac

    requirements=()
    for file in runtime less semires sseg onnx; do
        requirements+=(-r "requirements/$file.txt")
    done
    step 'the other requirements' "${uv[@]}" "${requirements[@]}"
    step 'mmlangseg' "${uv[@]}" --no-build-isolation --no-deps -e .
}

exec 3>&1
for group in "${missing[@]}"; do
    if [ "$group" = base ]; then
        install_base
    else
        step "requirements/$group.txt" "${uv[@]}" -r "requirements/$group.txt"
    fi
done
step 'a check of the versions' "$VENV/bin/python" \
    tools/analysis_tools/check_env.py
for group in "${missing[@]}"; do
    echo "$KEY" >"$(stamp "$group")"
done
echo "make_env: $VENV is ready after $((SECONDS / 60)) min $((SECONDS % 60)) s"
