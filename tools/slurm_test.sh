#!/usr/bin/env bash
# Usage: [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments]
# In place of CONFIG CHECKPOINT: a folder of tools/publish_model.py, or the name
# of one on the hub.
set -euo pipefail

USAGE="usage: $0 PARTITION JOB_NAME CONFIG CHECKPOINT | MODEL [arguments of test.py]"
PARTITION=${1:?$USAGE}
JOB_NAME=${2:?$USAGE}
: "${3:?$USAGE}" # test.py takes a checkpoint behind it, or none
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}

. "$(dirname "$0")/find_python.sh"
# SRUN_ARGS holds several arguments
# shellcheck disable=SC2086
srun --partition="$PARTITION" \
    --job-name="$JOB_NAME" \
    --gres=gpu:"$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "$PYTHON" -u "$(dirname "$0")/test.py" "${@:3}" --launcher slurm
