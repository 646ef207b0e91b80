#!/usr/bin/env bash
# The table of S-Seg on toy pictures: S-Seg, self-training, and the baselines.
# The background threshold of every run is swept on training pictures, the
# scores are those of the test pictures. Two chains of runs at a time, each on
# one core; finished runs are skipped, so it can be repeated.
#   VENV=.venv SEEDS="0 1 2" SYSTEMS="sseg_toy sseg_toy_pooled" toy_sseg.sh
set -euo pipefail
export python="${VENV:-.venv}/bin/python" OMP_NUM_THREADS=1
export runs=work_dirs/toy_sseg out=outputs/toy_sseg eval=data/sseg_toy/eval
seeds="${SEEDS:-0 1 2}"
systems="${SYSTEMS:-sseg_toy sseg_toy_pooled sseg_toy_random_dino
    sseg_toy_no_masks sseg_toy_no_contrast}"
mkdir -p "$out" "$runs"

train() { # CONFIG SEED [CFG_OPTION ...]
    local run="$runs/$1_$2" config=$1 seed=$2
    shift 2
    [ -f "$run.done" ] && return
    echo "$config, seed $seed"
    "$python" tools/train.py "configs/sseg/toy/$config.py" --work-dir "$run" --resume \
        --cfg-options randomness.seed="$seed" "$@" > "$run.log" 2>&1
    touch "$run.done"
}

evaluate() { # CONFIG SEED CHECKPOINT
    local result="$out/$1_$2" best
    [ -f "$result.json" ] && return
    "$python" tools/sseg/sweep_threshold.py "configs/sseg/toy/$1.py" "$3" \
        --img-path images/train --seg-map-path labels/train --max-images 200 \
        --thresholds $(seq 0.1 0.025 0.976) \
        --out "$result.sweep.json" > "$result.log" 2>&1
    best=$("$python" -c 'import json, sys
print(json.load(open(sys.argv[1]))["best"])' "$result.sweep.json")
    "$python" tools/test.py "configs/sseg/toy/$1.py" "$3" --out "$result.json" \
        --work-dir "$runs/test/$1_$2" \
        --cfg-options model.background_threshold="$best" >> "$result.log" 2>&1
}

self_train() { # SEED CHECKPOINT
    local labels="$eval/sseg_labels/seed$1" best result="$out/sseg_toy_plus_$1"
    [ -f "$result.json" ] && return
    best=$("$python" -c 'import json, sys
print(json.load(open(sys.argv[1]))["best"])' "$out/sseg_toy_$1.sweep.json")
    "$python" tools/sseg/label_images.py configs/sseg/toy/sseg_toy.py "$2" \
        "$eval/images/train" "$labels" --threshold "$best" \
        > "$runs/labels_$1.log" 2>&1
    train sseg_toy_plus "$1" model.backbone.init_cfg.checkpoint="$2" \
        train_dataloader.dataset.data_prefix.seg_map_path="sseg_labels/seed$1"
    "$python" tools/test.py configs/sseg/toy/sseg_toy_plus.py \
        "$(cat "$runs/sseg_toy_plus_$1/last_checkpoint")" \
        --out "$result.json" --work-dir "$runs/test/sseg_toy_plus_$1" \
        > "$result.log" 2>&1
}

chain() { # CONFIG SEED
    local checkpoint
    train "$1" "$2"
    checkpoint=$(cat "$runs/$1_$2/last_checkpoint")
    evaluate "$1" "$2" "$checkpoint"
    case "$1" in
    sseg_toy)
        evaluate sseg_toy_relative "$2" "$checkpoint"
        self_train "$2" "$checkpoint"
        ;;
    sseg_toy_pooled)
        evaluate sseg_toy_pooled_relative "$2" "$checkpoint"
        evaluate sseg_toy_crop "$2" "$checkpoint"
        ;;
    esac
}
export -f train evaluate self_train chain

for system in $systems; do
    for seed in $seeds; do
        printf '%s %s\n' "$system" "$seed"
    done
done | xargs -P "${PARALLEL:-2}" -L 1 bash -euo pipefail -c 'chain "$@"' _

rows=("S-Seg=$out/sseg_toy_[0-9].json"
    "S-Seg, relative similarity=$out/sseg_toy_relative_[0-9].json"
    "S-Seg+ (self-training)=$out/sseg_toy_plus_[0-9].json"
    "pseudo-masks pooled=$out/sseg_toy_pooled_[0-9].json"
    "pseudo-masks pooled, relative similarity=$out/sseg_toy_pooled_relative_[0-9].json"
    "pseudo-masks cropped=$out/sseg_toy_crop_[0-9].json"
    "pseudo-masks of a random ViT=$out/sseg_toy_random_dino_[0-9].json"
    "without pseudo-masks=$out/sseg_toy_no_masks_[0-9].json"
    "without the contrastive loss=$out/sseg_toy_no_contrast_[0-9].json")
found=()
for row in "${rows[@]}"; do
    compgen -G "${row#*=}" > /dev/null && found+=("$row")
done
"$python" .dev_scripts/seed_table.py "${found[@]}" \
    --metrics mIoU mAcc aAcc
