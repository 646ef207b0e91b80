# Pseudo-masks from a DINO ViT with random weights in place of pixels: no
# pretrained ones were to be had.
_base_ = './sseg_toy.py'

model = dict(
    pseudo_mask_generator=dict(
        features=dict(
            _delete_=True,
            type='DINOFeatures',
            config=dict(
                model_type='vit',
                hidden_size=96,
                num_hidden_layers=3,
                num_attention_heads=3,
                intermediate_size=192,
                image_size=64,
                patch_size=4))))
