# CLIP on crops of pseudo-masks, the paper's baseline without training (Table
# 3, B1). The masks are those of S-Seg's training. Which CLIP the paper took it
# does not say.
_base_ = './sseg_swin-s.py'

model = dict(
    _delete_=True,
    type='CLIPPseudoMasks',
    pretrained='openai/clip-vit-base-patch16',
    pseudo_mask_generator=_base_.model.pseudo_mask_generator,
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True),
    keep_probabilities=False)
