#!/usr/bin/env bash
# Usage: tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [arguments of test.py]
#        tools/dist_test.sh MODEL NUM_PROCESSES [arguments of test.py]
# MODEL is a folder of tools/publish_model.py, or the name of one on the hub.
set -euo pipefail

USAGE="usage: $0 CONFIG CHECKPOINT | MODEL, NUM_PROCESSES [arguments of test.py]"
MODEL=("${1:?$USAGE}")
shift
if [[ ! ${1:?$USAGE} =~ ^[0-9]+$ ]]; then # no number: the checkpoint
    MODEL+=("$1")
    shift
fi
PROCESSES=${1:?$USAGE}
shift

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
    "$(dirname "$0")/test.py" "${MODEL[@]}" \
    --launcher pytorch "$@"
