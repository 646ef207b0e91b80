# Toy pictures in the form of gRefCOCO, made by
#   python tools/dataset_converters/make_toy.py semires data/semires_toy
# where some of the sentences mean nothing.
data_root = 'data/semires_toy/'
image_size = (64, 64)

pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadReferringMask'),
    dict(type='Resize', scale=image_size, keep_ratio=False, backend='pillow'),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
                   'object_ids', 'ori_shape', 'img_shape', 'flip',
                   'flip_direction')),
]
dataset = dict(
    type='RefCOCODataset',
    data_root=data_root,
    ann_folder='grefcoco_toy',
    pipeline=pipeline)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(**dataset, split='train'))
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='val', test_mode=True))
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='testA', test_mode=True))

# the 50 pixels of 480 x 480 would be one of 64 x 64
val_evaluator = dict(
    type='GeneralizedSegMetric', no_target_pixels=20, inclusive=True)
test_evaluator = val_evaluator

del dataset  # what is left in a config has an effect
