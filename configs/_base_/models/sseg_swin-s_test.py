# S-Seg without what only training needs. An entry config adds the vocabulary
# and, for sets with background, its threshold.
_base_ = './sseg_swin-s.py'

model = dict(
    pseudo_mask_generator=None,
    mask_loss=None,
    # choices: a probability that can be thresholded, as a constant channel
    combination='normalized',
    background_rule='constant',
    # of up to a thousand classes at the size of the image
    keep_probabilities=False,
    # images are 448 pixels high or wide; GroupViT's crops and strides
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)))
