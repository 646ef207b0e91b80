# ScanRefer on ScanNet, made by
#   python tools/dataset_converters/scannet.py data/scannet
#   python tools/dataset_converters/scanrefer.py \
#       data/scanrefer/ScanRefer_filtered_train.json data/scannet --split train
#   python tools/dataset_converters/scanrefer.py \
#       data/scanrefer/ScanRefer_filtered_val.json data/scannet --split val
data_root = 'data/scannet/'
num_points = 50000
expressions_per_scene = 1

load_pipeline = [
    dict(
        type='LoadPointsFromDict',
        coord_type='DEPTH',
        load_dim=6,
        use_dim=[0, 1, 2, 3, 4, 5],
        use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
    dict(type='NormalizeScanColor'),
]
train_pipeline = [
    *load_pipeline,
    dict(type='SampleScanPoints', num_points=num_points),
    dict(type='ReferringAugment3D'),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
test_pipeline = [
    *load_pipeline,
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]

train_dataloader = dict(
    batch_size=14,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='ScanReferDataset',
        data_root=data_root,
        ann_file='annotations/scanrefer_train.json',
        info_file='scannet_infos_train.pkl',
        expressions_per_scene=expressions_per_scene,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
