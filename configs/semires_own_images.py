# SemiRES on own images: a template, small enough for a CPU and without
# pretrained weights. With a GPU take model and schedule of
# semires_refcoco_iom_1pct.py and an image_size of 480.
_base_ = [
    './_base_/models/semires_toy.py', './_base_/datasets/own_images.py',
    './_base_/schedules/semires_toy.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

max_epochs = 10
image_size = (160, 160)

model = dict(
    segmentor=dict(
        data_preprocessor=dict(size=image_size),
        text_encoder=dict(vocabulary='data/own_images/mine/train.words.txt'),
        # 40, 20, 10 and 5 positions per side: no window is padded
        backbone=dict(embed_dims=32, depths=(1, 1, 2, 1), window_size=5),
        decode_head=dict(channels=64),
        # Small objects and nothing pretrained: else all would be background.
        # Pseudo-labels keep the weights of the paper, or masks would grow.
        loss=dict(class_weight=[0.5, 2.5])),
    data_preprocessor=dict(data_preprocessor=dict(size=image_size)))

# of semires_own_images_burnin.py
load_from = 'work_dirs/semires_own_images_burnin/epoch_40.pth'

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type='mmdet.TeacherStudentValLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=20),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=8)
custom_hooks = [
    *_base_.custom_hooks,
    # 0.0004 with a schedule of many thousand iterations
    dict(type='TeacherHook', momentum=0.01),
    dict(type='PseudoLabelVisualizationHook', interval=20),
]
default_hooks = dict(
    checkpoint=dict(save_best='teacher/oIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
