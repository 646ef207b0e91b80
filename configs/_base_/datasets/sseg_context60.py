# PASCAL Context val, 5,104 images, 59 classes and background. MMSegmentation's
# tools/dataset_converters/pascal_context.py makes the label maps.
_base_ = './sseg_evaluation.py'

test_dataloader = dict(
    dataset=dict(
        type='PascalContextDataset',
        data_root='data/VOCdevkit/VOC2010/',
        ann_file='ImageSets/SegmentationContext/val.txt',
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClassContext')))
