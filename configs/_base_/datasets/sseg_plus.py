# What the sets of self-training share: training images with the labels that
# tools/sseg/label_images.py writes, evaluation as of any network.
crop_size = (512, 512)
image_scale = (2048, 512)
train_pipeline = [
    dict(type='LoadImage'),  # turned as EXIF says, like label_images.py
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(
        type='RandomResize',
        resize_type='WideResize',
        scale=image_scale,
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        backend='pillow'),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    # label maps of benchmarks were drawn on the pixels as they are stored
    dict(type='LoadImage', ignore_orientation=True),
    dict(type='Resize', scale=image_scale, keep_ratio=True, backend='pillow'),
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='WideIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
