# How images are prepared in testing, and in inference with the configs of the
# training: a short side of 448 pixels, as in the paper; labels at the original
# size. Pillow, as in training: MMCV's default shrinks without smoothing.
# Label maps of benchmarks were drawn on the pixels as they are stored, but
# inference turns images as EXIF says, as people see them.
image_scale = (2048, 448)
test_pipeline = [
    dict(type='LoadImage', ignore_orientation=True),
    dict(type='Resize', scale=image_scale, keep_ratio=True, backend='pillow'),
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(type='PackSegInputs'),
]
tta_model = dict(type='ProbabilityTTAModel')
tta_pipeline = [  # tools/test.py --tta
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
