# Sets PYTHON, for the scripts that start several processes: the python on the
# PATH where it has torch, as in an active environment, else that of `make env`.
PYTHON=python
if ! python -c 'import importlib.util, sys
sys.exit(importlib.util.find_spec("torch") is None)' >/dev/null 2>&1; then
    own=${VENV:-.venv}/bin/python
    [[ $own = /* ]] || own=$(cd "$(dirname "$0")/.." && pwd)/$own
    [ ! -x "$own" ] || PYTHON=$own
fi
