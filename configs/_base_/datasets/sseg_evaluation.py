# What the evaluation sets share: one image at a time.
_base_ = './sseg_test_images.py'

test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(test_mode=True, pipeline=_base_.test_pipeline))
# classes that occur neither in labels nor in predictions do not count
test_evaluator = dict(type='WideIoUMetric', iou_metrics=['mIoU'])
test_cfg = dict(type='TestLoop')
