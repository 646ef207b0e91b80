# Baseline: pseudo-masks cut out of the image and classified by an image-text
# model (Table 3 of the paper). Training is that of sseg_toy_pooled.py.
_base_ = './sseg_toy_pooled.py'

model = dict(region_features='crop')
