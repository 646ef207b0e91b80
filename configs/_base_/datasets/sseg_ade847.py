# ADE20K of 847 classes, 2,000 images, in the layout of MaskFormer, CAT-Seg and
# others; tools/dataset_converters/class_names.py makes classes.txt.
_base_ = './sseg_wide_labels.py'

test_dataloader = dict(
    dataset=dict(
        type='ClassFileDataset',
        data_root='data/ADE20K_2021_17_01/',
        classes_file='classes.txt',
        first_id=0,
        img_suffix='.jpg',
        seg_map_suffix='.tif',
        data_prefix=dict(
            img_path='images_detectron2/validation',
            seg_map_path='annotations_detectron2/validation')))
