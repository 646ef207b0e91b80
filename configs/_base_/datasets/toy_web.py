# Captioned toy pictures and pictures with label maps, made by
#   python tools/dataset_converters/make_toy.py sseg data/sseg_toy
data_root = 'data/sseg_toy/'
image_size = (64, 64)

train_pipeline = [
    dict(type='LoadPairImage'),
    dict(type='RandomResizedCrop', size=image_size, scale=(0.8, 1.)),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PackSegInputs',
        meta_keys=('key', 'sample_id', 'text', 'ori_shape', 'img_shape')),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(type='PackSegInputs'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='ImageTextDataset',
        data_root=data_root,
        sources=[dict(type='TarSource', tars='pairs/toy-*.tar')],
        pipeline=train_pipeline))

eval_dataset = dict(
    type='ClassFileDataset',
    data_root=f'{data_root}eval',
    classes_file='classes.txt',
    ignore_index=255,
    pipeline=test_pipeline)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **eval_dataset,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val')))
# the table of the README: pictures that were not looked at
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **eval_dataset,
        data_prefix=dict(img_path='images/test', seg_map_path='labels/test')))
val_evaluator = dict(type='WideIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
