# COCO-Object: COCO val2017, 5,000 images, 80 classes and background.
# tools/dataset_converters/coco_object.py makes the label maps.
_base_ = './sseg_evaluation.py'

test_dataloader = dict(
    dataset=dict(
        type='COCOObjectDataset',
        data_root='data/coco_stuff164k/',
        data_prefix=dict(
            img_path='images/val2017', seg_map_path='annotations/val2017')))
