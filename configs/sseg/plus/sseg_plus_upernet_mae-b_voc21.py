# S-Seg+ on PASCAL VOC: trained on the labels that S-Seg gives to the training
# images. They are made by
#   python tools/sseg/label_images.py configs/sseg_swin-s_voc21.py \
#       CHECKPOINT data/VOCdevkit/VOC2012/JPEGImages \
#       data/VOCdevkit/VOC2012/sseg_labels \
#       --list data/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt
_base_ = [
    '../../_base_/models/sseg_plus_upernet_mae-b.py',
    '../../_base_/datasets/sseg_plus.py',
    '../../_base_/schedules/sseg_plus.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

num_classes = 21
model = dict(
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes))

dataset = dict(type='PascalVOCDataset', data_root='data/VOCdevkit/VOC2012/')
train_dataloader = dict(
    dataset=dict(
        **dataset,
        # a choice: any images do, for no label of theirs is used
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='sseg_labels')))
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClass')))
test_dataloader = val_dataloader

log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=_base_.val_interval),
    visualization=dict(type='SemanticVisualizationHook'))
