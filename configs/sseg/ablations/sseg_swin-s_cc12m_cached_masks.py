# S-Seg on pseudo-masks that were made before the training, once for all epochs
# (the crops then cut them, while the default clusters each crop):
#   python tools/sseg/generate_pseudo_masks.py configs/sseg_swin-s_cc12m.py \
#       data/cc12m_pseudo_masks
# Not trained.
_base_ = '../../sseg_swin-s_cc12m.py'

model = dict(pseudo_mask_generator=None)

train_pipeline = [
    _base_.load_pair,
    dict(type='LoadPseudoMasks', cache='data/cc12m_pseudo_masks'),
    _base_.crop,
    _base_.flip,
    _base_.pack_pair,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
