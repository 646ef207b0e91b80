#!/usr/bin/env bash
# The ablation table of LESS on toy rooms: every variant with three seeds,
# tested on fresh rooms. Two runs at a time, each on one core; finished ones
# are skipped, so it can be repeated.
#   VENV=.venv FRESH=data/less_toy_fresh toy_ablation.sh [CFG_OPTION ...]
set -euo pipefail
export python="${VENV:-.venv}/bin/python" FRESH OMP_NUM_THREADS=1
export OPTIONS="$*" runs=work_dirs/toy_ablation out=outputs/toy_ablation
mkdir -p "$out" "$runs"

evaluate() { # CONFIG CHECKPOINT RESULT
    [ -f "$3" ] || "$python" tools/test.py "$1" "$2" --out "$3" \
        --work-dir "$runs/test/$(basename "$3" .json)" \
        --cfg-options test_dataloader.dataset.data_root="$FRESH/" \
        > "$3.log" 2>&1
}

run() { # VARIANT SEED [CFG_OPTION ...]
    local variant=$1 seed=$2 run="$runs/$1_$2"
    shift 2
    if [ ! -f "$out/${variant}_$seed.json" ]; then
        echo "$variant, seed $seed"
        "$python" tools/train.py "configs/less/toy/$variant.py" --work-dir "$run" \
            --resume --cfg-options randomness.seed="$seed" "$@" \
            > "$run.log" 2>&1
        evaluate "configs/less/toy/$variant.py" "$(cat "$run/last_checkpoint")" \
            "$out/${variant}_$seed.json"
    fi
    if [ "$variant" = less_toy ]; then
        # The choice of the mask is made at test time.
        evaluate configs/less/toy/less_toy_top1.py \
            "$(cat "$run/last_checkpoint")" "$out/less_toy_top1_$seed.json"
    fi
}
export -f evaluate run

for seed in 0 1 2; do
    for variant in less_toy less_toy_seg less_toy_seg_area less_toy_no_pwca \
        less_toy_no_qsa less_toy_blind; do
        printf '%s %s\n' "$variant" "$seed"
    done
done | xargs -P 2 -L 1 bash -euo pipefail -c \
    'options=($OPTIONS); run "$@" "${options[@]}"' _

"$python" .dev_scripts/seed_table.py \
    "all=$out/less_toy_[0-9].json" \
    "L_seg=$out/less_toy_seg_[0-9].json" \
    "L_seg + L_area=$out/less_toy_seg_area_[0-9].json" \
    "without PWCA=$out/less_toy_no_pwca_[0-9].json" \
    "without QSA=$out/less_toy_no_qsa_[0-9].json" \
    "best query only=$out/less_toy_top1_[0-9].json" \
    "every sentence the same=$out/less_toy_blind_[0-9].json"
