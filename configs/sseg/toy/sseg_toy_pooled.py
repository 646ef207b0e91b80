# Baseline: an image-text model whose features are pooled over pseudo-masks in
# testing ("pseudo-mask-pooled" in Table 3 of the paper).
_base_ = './sseg_toy.py'

shared = _base_.model
model = dict(
    _delete_=True,
    type='PseudoMaskClassifier',
    data_preprocessor=shared.data_preprocessor,
    backbone=shared.backbone,
    text_encoder=shared.text_encoder,
    visual_projection=dict(in_channels=128, **shared.visual_projection),
    text_projection=shared.text_projection,
    pseudo_mask_generator=shared.pseudo_mask_generator,
    contrastive_loss=shared.contrastive_loss,
    vocabulary=shared.vocabulary,
    combination=shared.combination,
    background_threshold=shared.background_threshold,
    region_features='pooled',
    crop_size=64)

del shared  # what is left in a config has an effect
