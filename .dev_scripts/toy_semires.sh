#!/usr/bin/env bash
# The table of SemiRES on toy pictures: supervised only, mean teacher, IOM and
# CPI at equal iterations, tested on testA. A seed draws the weights, the order
# of the samples and the labelled pictures. Two chains of runs at a time, each
# on one core; finished runs are skipped, so it can be repeated.
#   VENV=.venv SHARES="5 10 1" SEEDS="0 1 2" toy_semires.sh [CFG_OPTION ...]
set -euo pipefail
export python="${VENV:-.venv}/bin/python" OMP_NUM_THREADS=1
export OPTIONS="$*" runs=work_dirs/toy_semires out=outputs/toy_semires
shares="${SHARES:-5 10 1}" seeds="${SEEDS:-0 1 2}"
mkdir -p "$out" "$runs"

train() { # SYSTEM SHARE SEED [CFG_OPTION ...]
    local name="semires_toy_$1_$2pct" run="$runs/$1_$2_$3" seed=$3
    local lists="refcoco_toy/splits/refcoco_toy_unc_train_$2pct_seed$3"
    local source=train_dataloader.dataset.sources
    local options=($OPTIONS)
    shift 3
    [ -f "$run.done" ] && return
    echo "$name, seed $seed"
    case "$name" in
    *_supervised_* | *_burnin_*) ;;
    *) options+=("$source.unlabelled.image_ids=$lists.unlabelled.json") ;;
    esac
    "$python" tools/train.py "configs/semires/toy/$name.py" --work-dir "$run" --resume \
        --cfg-options randomness.seed="$seed" \
        "$source.labelled.image_ids=$lists.labelled.json" \
        "$@" "${options[@]}" > "$run.log" 2>&1
    touch "$run.done"
}

evaluate() { # SYSTEM SHARE SEED
    local result="$out/$1_$2_$3.json" run="$runs/$1_$2_$3"
    [ -f "$result" ] || "$python" tools/test.py \
        "configs/semires/toy/semires_toy_$1_$2pct.py" "$(cat "$run/last_checkpoint")" \
        --out "$result" --work-dir "$runs/test/$1_$2_$3" \
        > "$result.log" 2>&1
}

chain() { # SHARE SEED: the burn-in is shared by all that learn mutually
    local system
    train burnin "$1" "$2"
    for system in iom baseline supervised cpi; do
        case "$system" in
        supervised) train supervised "$1" "$2" ;;
        *) train "$system" "$1" "$2" \
            load_from="$(cat "$runs/burnin_$1_$2/last_checkpoint")" ;;
        esac
        evaluate "$system" "$1" "$2"
    done
}
export -f train evaluate chain

for share in $shares; do
    for seed in $seeds; do
        printf '%s %s\n' "$share" "$seed"
    done
done | xargs -P 2 -L 1 bash -euo pipefail -c 'chain "$@"' _

for share in $shares; do
    printf '\n%s %% labelled\n\n' "$share"
    "$python" .dev_scripts/seed_table.py \
        "supervised only=$out/supervised_${share}_[0-9].json" \
        "mean teacher=$out/baseline_${share}_[0-9].json" \
        "IOM=$out/iom_${share}_[0-9].json" \
        "CPI=$out/cpi_${share}_[0-9].json" \
        --metrics oIoU mIoU P@0.5
done
