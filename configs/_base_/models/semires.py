# Student and teacher are LAVT; the refiner is that of the paper's main table.
_base_ = './lavt.py'

segmentor = _base_.model
segmentor.loss.reduction = 'pixel_mean'  # as released, unlike the burn-in
model = dict(
    _delete_=True,
    type='SemiRES',
    segmentor=segmentor,
    data_preprocessor=dict(
        type='mmdet.MultiBranchDataPreprocessor',
        data_preprocessor=_base_.model.data_preprocessor),
    refiner=dict(type='IOM', threshold=0.5),
    pseudo_label_loss=dict(
        type='PseudoLabelLoss',
        class_weight=[0.9, 1.1],
        pixel_weight=dict(type='PWA'),
        averaging='group',
        loss_weight=1.),
    sup_weight=10.,
    semi_test_cfg=dict(predict_on='teacher'))
# What is left in a config has an effect, also in those that inherit it.
del segmentor
