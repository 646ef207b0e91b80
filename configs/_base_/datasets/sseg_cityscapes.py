# Cityscapes val, 500 images, 19 classes. MMSegmentation's
# tools/dataset_converters/cityscapes.py makes the label maps.
_base_ = './sseg_evaluation.py'

test_dataloader = dict(
    dataset=dict(
        type='CityscapesDataset',
        data_root='data/cityscapes/',
        data_prefix=dict(
            img_path='leftImg8bit/val', seg_map_path='gtFine/val')))
