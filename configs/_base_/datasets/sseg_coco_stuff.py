# COCO-Stuff 164k val2017, 5,000 images, 171 classes. MMSegmentation's
# tools/dataset_converters/coco_stuff164k.py makes the label maps.
_base_ = './sseg_evaluation.py'

test_dataloader = dict(
    dataset=dict(
        type='COCOStuffDataset',
        data_root='data/coco_stuff164k/',
        data_prefix=dict(
            img_path='images/val2017', seg_map_path='annotations/val2017')))
