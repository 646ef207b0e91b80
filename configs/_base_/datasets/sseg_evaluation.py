# What the evaluation sets share: images with a short side of 448 pixels, as
# in the paper, one at a time; labels at the original size.
image_scale = (2048, 448)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=image_scale, keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(test_mode=True, pipeline=test_pipeline))
# classes that occur neither in labels nor in predictions do not count
test_evaluator = dict(type='WideIoUMetric', iou_metrics=['mIoU'])
test_cfg = dict(type='TestLoop')
