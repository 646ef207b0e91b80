# S-Seg on own image-caption pairs: a template, small enough for a CPU and
# without pretrained weights.
#   python tools/sseg/index_pairs.py data/own_pairs/pairs \
#       --index-dir data/own_pairs/index
#   python tools/sseg/caption_words.py configs/sseg_own_pairs.py \
#       data/own_pairs/words.txt
#   python tools/train.py configs/sseg_own_pairs.py
# With many pairs and a GPU take model and schedule of sseg_swin-s_cc12m.py,
# with the weights of DINO.
_base_ = [
    './_base_/models/sseg_tiny.py', './_base_/datasets/own_pairs.py',
    './_base_/schedules/sseg_small.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

max_epochs = 200

model = dict(
    data_preprocessor=dict(size=_base_.image_size),
    backbone=dict(
        num_stages=4,
        strides=(1, 2, 2, 2),
        dilations=(1, 1, 1, 1),
        out_indices=(0, 1, 2, 3)),
    decode_head=dict(in_channels=[32, 64, 128, 256]),
    text_encoder=dict(vocabulary='data/own_pairs/words.txt'),
    pseudo_mask_generator=dict(features=dict(stride=4)),
    vocabulary=dict(
        _delete_=True,
        dataset='own',
        classes_file='data/own_pairs/classes.txt'),
    # of tools/sseg/sweep_threshold.py --dataloader val_dataloader
    background_threshold=0.5)

train_cfg = dict(max_epochs=max_epochs, val_interval=50)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=32)

default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=50),
    broken_pairs=dict(type='BrokenPairsHook'),
    visualization=dict(type='SemanticVisualizationHook'))
