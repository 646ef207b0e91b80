#!/usr/bin/env bash
# The ablation table of LESS on toy rooms: every variant with three seeds,
# tested on fresh rooms. Finished steps are skipped, so it can be repeated.
#   VENV=.venv FRESH=data/less_toy_fresh toy_ablation.sh [CFG_OPTION ...]
set -euo pipefail
python="${VENV:-.venv}/bin/python"
runs=work_dirs/toy_ablation
out=outputs/toy_ablation
mkdir -p "$out" "$runs"

evaluate() { # CONFIG CHECKPOINT RESULT
    [ -f "$3" ] || "$python" tools/test.py "$1" "$2" --out "$3" \
        --work-dir "$runs/test" \
        --cfg-options test_dataloader.dataset.data_root="$FRESH/" \
        > "$3.log" 2>&1
}

for seed in 0 1 2; do
    for variant in less_toy less_toy_seg less_toy_seg_area less_toy_no_pwca \
        less_toy_no_qsa less_toy_blind; do
        config="configs/$variant.py" run="$runs/${variant}_$seed"
        if [ ! -f "$out/${variant}_$seed.json" ]; then
            echo "$variant, seed $seed"
            "$python" tools/train.py "$config" --work-dir "$run" --resume \
                --cfg-options randomness.seed="$seed" "$@" > "$run.log" 2>&1
            evaluate "$config" "$(cat "$run/last_checkpoint")" \
                "$out/${variant}_$seed.json"
        fi
    done
    # The choice of the mask is made at test time.
    evaluate configs/less_toy_top1.py \
        "$(cat "$runs/less_toy_$seed/last_checkpoint")" \
        "$out/less_toy_top1_$seed.json"
done

"$python" tools/analysis_tools/seed_table.py \
    "all=$out/less_toy_[0-9].json" \
    "L_seg=$out/less_toy_seg_[0-9].json" \
    "L_seg + L_area=$out/less_toy_seg_area_[0-9].json" \
    "without PWCA=$out/less_toy_no_pwca_[0-9].json" \
    "without QSA=$out/less_toy_no_qsa_[0-9].json" \
    "best query only=$out/less_toy_top1_[0-9].json" \
    "every sentence the same=$out/less_toy_blind_[0-9].json"
