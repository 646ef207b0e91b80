# The network of self-training (S-Seg+). The paper says that it has another
# architecture and a pretrained backbone; other sources, so likely, UperNet on
# a ViT of MAE. The rest is that of MMSegmentation's mae-base_upernet config.
_base_ = 'mmseg::_base_/models/upernet_mae.py'

norm_cfg = dict(type='BN', requires_grad=True)  # see `sync_bn`
data_preprocessor = dict(size=(512, 512))
model = dict(
    data_preprocessor=data_preprocessor,
    # mae_pretrain_vit_base.pth of MAE, converted by MMSegmentation's
    # tools/model_converters/beit2mmseg.py
    pretrained='data/pretrained/mae_pretrain_vit_base_mmcls.pth',
    backbone=dict(
        img_size=(512, 512), init_values=1.0, out_indices=[3, 5, 7, 11]),
    neck=dict(norm_cfg=norm_cfg),
    # the loss is a mean over the pixels that have a label
    decode_head=dict(
        in_channels=[768, 768, 768, 768],
        channels=768,
        norm_cfg=norm_cfg,
        loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(
        in_channels=768,
        norm_cfg=norm_cfg,
        loss_decode=dict(avg_non_ignore=True)),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)))
sync_bn = 'torch'
