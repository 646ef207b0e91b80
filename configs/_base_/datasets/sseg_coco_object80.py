# COCO-Object, pixels of the background not evaluated
_base_ = './sseg_coco_object.py'

test_dataloader = dict(dataset=dict(background=False))
