# Own scans, each with its middle at x = y = 0 and its floor at z = 0, made by
#   python tools/dataset_converters/own_scans.py my_scans data/own_scans
# The numbers suit table-top scans of about 1 m; for rooms take those of
# scanrefer.py.
data_root = 'data/own_scans/'
num_points = 15000
expressions_per_scene = 4
# Besides the words of the released code, those that mean the camera.
view_words = [
    'front', 'behind', 'back', 'left', 'right', 'facing', 'leftmost',
    'rightmost', 'looking', 'across', 'camera', 'viewer', 'distant'
]

load_pipeline = [
    dict(
        type='LoadPointsFromDict',
        coord_type='DEPTH',
        load_dim=6,
        use_dim=[0, 1, 2, 3, 4, 5],
        use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
]
train_pipeline = [
    *load_pipeline,
    dict(type='JitterScanColor'),
    dict(type='NormalizeScanColor'),
    dict(type='SampleScanPoints', num_points=num_points),
    dict(
        type='ReferringAugment3D',
        view_words=view_words,
        quarter_turns=False,
        flip=False,
        mirror=True,
        jitter=10.0,
        noise=0.001,
        centered_noise=True,
        shift=0.05,
        scale=(0.95, 1.05)),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
test_pipeline = [
    *load_pipeline,
    dict(type='NormalizeScanColor'),
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
        ann_file='annotations/train.json',
        info_file='infos_train.pkl',
        expressions_per_scene=expressions_per_scene,
        cache_scenes=256,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ScanReferDataset',
        data_root=data_root,
        ann_file='annotations/val.json',
        info_file='infos_val.pkl',
        expressions_per_scene=64,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='ReferringSegMetric')
test_evaluator = val_evaluator
