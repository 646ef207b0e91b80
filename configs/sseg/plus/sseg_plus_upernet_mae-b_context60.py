# S-Seg+ on PASCAL Context: trained on the labels that S-Seg gives to its
# training images. They are made by
#   python tools/sseg/label_images.py \
#       configs/sseg/benchmarks/sseg_swin-s_context60.py CHECKPOINT \
#       data/VOCdevkit/VOC2010/JPEGImages \
#       data/VOCdevkit/VOC2010/sseg_labels \
#       --list data/VOCdevkit/VOC2010/ImageSets/SegmentationContext/train.txt
_base_ = './sseg_plus_upernet_mae-b_voc21.py'

num_classes = 60
model = dict(
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes))

dataset = dict(
    type='PascalContextDataset', data_root='data/VOCdevkit/VOC2010/')
train_dataloader = dict(
    dataset=dict(
        **dataset, ann_file='ImageSets/SegmentationContext/train.txt'))
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file='ImageSets/SegmentationContext/val.txt',
        data_prefix=dict(seg_map_path='SegmentationClassContext')))
test_dataloader = val_dataloader
