# GroupViT of transformers, tested as its authors do: images with a short side
# of 448 pixels (that of the data), crops of 448, the five likeliest classes of
# a crop. `pretrained` is a name on the hub or a folder. An entry config adds
# the vocabulary and, for sets with background, its threshold.
model = dict(
    type='GroupViT',
    pretrained='nvidia/groupvit-gcc-yfcc',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    top_classes=5,
    background_rule='groupvit',
    keep_probabilities=False,
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)))
