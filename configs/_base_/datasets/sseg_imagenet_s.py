# ImageNet-S50 val, 752 images, 50 classes and "other", which counts as in the
# data set's own evaluation. tools/dataset_converters/imagenet_s.py writes the
# names. ImageNet-S300 and -S919: change `data_root`.
_base_ = './sseg_evaluation.py'

ignore_index = 65535  # 255 is a class of the larger sets
test_pipeline = [
    # the label maps are not turned as EXIF says
    dict(type='LoadImage', ignore_orientation=True),
    dict(
        type='Resize',
        scale=_base_.image_scale,
        keep_ratio=True,
        backend='pillow'),
    dict(
        type='LoadWideAnnotations',
        rgb=True,
        ignore_ids=(1000, ),
        ignore_index=ignore_index),
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
    dataset=dict(
        type='ImageNetSDataset',
        data_root='data/ImageNetS/ImageNetS50/',
        ignore_index=ignore_index,
        pipeline=test_pipeline))
test_evaluator = dict(ignore_index=ignore_index)
