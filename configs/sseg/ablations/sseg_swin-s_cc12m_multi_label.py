# S-Seg with GroupViT's second loss: images are compared with prompts made of
# words of their captions, too. The paper extracts words without saying what
# for; it reports nothing about this. Not trained.
_base_ = '../../sseg_swin-s_cc12m.py'

model = dict(multi_label_loss=dict(type='MultiLabelContrastiveLoss'))

pack_pair = dict(
    type='PackSegInputs',
    meta_keys=('key', 'sample_id', 'text', 'prompts', 'ori_shape', 'img_shape',
               'flip', 'flip_direction'))
train_pipeline = [
    _base_.load_pair,
    _base_.crop,
    _base_.flip,
    dict(type='CaptionWords', mode='multi_label'),
    pack_pair,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
