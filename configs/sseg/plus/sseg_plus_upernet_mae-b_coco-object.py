# S-Seg+ on COCO-Object: trained on the labels that S-Seg gives to the training
# images. They are made by
#   python tools/sseg/label_images.py \
#       configs/sseg/benchmarks/sseg_swin-s_coco-object.py CHECKPOINT \
#       data/coco_stuff164k/images/train2017 \
#       data/coco_stuff164k/sseg_labels
_base_ = './sseg_plus_upernet_mae-b_voc21.py'

num_classes = 81
model = dict(
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes))

# no list: all images of a folder
dataset = dict(
    type='COCOObjectDataset', data_root='data/coco_stuff164k/', ann_file='')
train_dataloader = dict(
    dataset=dict(
        **dataset,
        seg_map_suffix='.png',
        data_prefix=dict(img_path='images/train2017')))
val_dataloader = dict(
    dataset=dict(
        **dataset,
        data_prefix=dict(
            img_path='images/val2017', seg_map_path='annotations/val2017')))
test_dataloader = val_dataloader
