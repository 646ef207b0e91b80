# How images are prepared in testing, and in inference with the configs of the
# training: a short side of 448 pixels, as in the paper; labels at the original
# size. Pillow, as in training: MMCV's default shrinks without smoothing.
# Label maps of benchmarks were drawn on the pixels as they are stored, but
# inference turns images as EXIF says, as people see them.
image_scale = (2048, 448)
test_pipeline = [
    dict(type='LoadImage', ignore_orientation=True),
    dict(type='Resize', scale=image_scale, keep_ratio=True, backend='pillow'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
