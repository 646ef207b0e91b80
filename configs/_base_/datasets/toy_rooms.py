# Toy rooms in ScanRefer's formats, made by
#   python tools/dataset_converters/make_toy.py less data/less_toy
data_root = 'data/less_toy/'
expressions_per_scene = 4

load_pipeline = [
    dict(
        type='LoadPointsFromDict',
        coord_type='DEPTH',
        load_dim=6,
        use_dim=[0, 1, 2, 3, 4, 5],
        use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
    dict(type='NormalizeScanColor', scale=64.),
]
train_pipeline = [
    *load_pipeline,
    dict(
        type='ReferringAugment3D', mirror=True, centered_noise=True,
        shift=0.1),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
test_pipeline = [
    *load_pipeline,
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='ScanReferDataset',
        data_root=data_root,
        ann_file='annotations/scanrefer_train.json',
        info_file='scannet_infos_train.pkl',
        expressions_per_scene=expressions_per_scene,
        cache_scenes=512,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ScanReferDataset',
        data_root=data_root,
        ann_file='annotations/scanrefer_val.json',
        info_file='scannet_infos_val.pkl',
        expressions_per_scene=64,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='ReferringSegMetric')
test_evaluator = val_evaluator
