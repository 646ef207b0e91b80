# S-Seg+ on COCO-Object: trained on the labels that S-Seg gives to the training
# images. They are made by
#   python tools/sseg/label_images.py configs/sseg_swin-s_coco-object.py \
#       CHECKPOINT data/coco_stuff164k/images/train2017 \
#       data/coco_stuff164k/sseg_labels
_base_ = [
    './_base_/models/sseg_plus_upernet_mae-b.py',
    './_base_/datasets/sseg_plus.py', './_base_/schedules/sseg_plus.py',
    './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

num_classes = 81
model = dict(
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes))

dataset = dict(type='COCOObjectDataset', data_root='data/coco_stuff164k/')
train_dataloader = dict(
    dataset=dict(
        **dataset,
        seg_map_suffix='.png',
        data_prefix=dict(
            img_path='images/train2017', seg_map_path='sseg_labels')))
val_dataloader = dict(
    dataset=dict(
        **dataset,
        data_prefix=dict(
            img_path='images/val2017', seg_map_path='annotations/val2017')))
test_dataloader = val_dataloader

log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=_base_.val_interval),
    visualization=dict(type='SemanticVisualizationHook'))
