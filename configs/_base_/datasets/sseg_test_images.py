# How images are prepared in testing, and in inference with the configs of the
# training: a short side of 448 pixels, as in the paper; labels at the original
# size. Pillow, as in training: MMCV's default shrinks without smoothing.
# Label maps of benchmarks were drawn on the pixels as they are stored, but
# inference turns images as EXIF says, as people see them.
image_scale = (2048, 448)
load_image = dict(type='LoadImage', ignore_orientation=True)
resize = dict(
    type='Resize', scale=image_scale, keep_ratio=True, backend='pillow')
load_labels = dict(type='LoadWideAnnotations', ignore_index=255)
pack = dict(type='PackSegInputs')
flips = [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)]
test_pipeline = [load_image, resize, load_labels, pack]
tta_model = dict(type='ProbabilityTTAModel')
tta_pipeline = [  # tools/test.py --tta
    load_image,
    dict(
        type='TestTimeAug',
        # labels behind the flips: predictions are turned back
        transforms=[[resize], flips, [load_labels], [pack]])
]
