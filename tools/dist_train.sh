#!/usr/bin/env bash
# Usage: tools/dist_train.sh CONFIG NUM_PROCESSES [arguments of train.py]
set -euo pipefail

USAGE="usage: $0 CONFIG NUM_PROCESSES [arguments of train.py]"
CONFIG=${1:?$USAGE}
PROCESSES=${2:?$USAGE}

# one machine takes a port that is free, several have to agree on one
if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    MEETING=(--standalone)
else
    MEETING=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}"
        --master_port="${PORT:-29500}")
fi
. "$(dirname "$0")/find_python.sh"
"$PYTHON" -m torch.distributed.run "${MEETING[@]}" \
    --nproc_per_node="$PROCESSES" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "${@:3}"
