# PASCAL Context of 459 classes, val, in the layout of CAT-Seg and others;
# tools/dataset_converters/class_names.py makes pc459_classes.txt.
_base_ = './sseg_wide_labels.py'

test_dataloader = dict(
    dataset=dict(
        type='ClassFileDataset',
        data_root='data/VOCdevkit/VOC2010/',
        classes_file='pc459_classes.txt',
        first_id=0,
        ann_file='ImageSets/SegmentationContext/val.txt',
        img_suffix='.jpg',
        seg_map_suffix='.tif',
        data_prefix=dict(
            img_path='JPEGImages',
            seg_map_path='annotations_detectron2/pc459_val')))
