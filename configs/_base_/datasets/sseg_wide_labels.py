# Label maps with ids above 254, so that 255 is a class.
_base_ = './sseg_evaluation.py'

ignore_index = 65535
test_pipeline = [
    dict(type='LoadImage', ignore_orientation=True),
    dict(
        type='Resize',
        scale=_base_.image_scale,
        keep_ratio=True,
        backend='pillow'),
    dict(type='LoadWideAnnotations', ignore_index=ignore_index),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    *test_pipeline[:1],
    dict(
        type='TestTimeAug',
        transforms=[
            [test_pipeline[1]],
            [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)],
            # behind the flip: predictions are turned back
            [test_pipeline[2]],
            [test_pipeline[3]],
        ])
]
test_dataloader = dict(
    dataset=dict(ignore_index=ignore_index, pipeline=test_pipeline))
test_evaluator = dict(ignore_index=ignore_index)
