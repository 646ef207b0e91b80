# PASCAL VOC 2012 val, pixels of the background not evaluated
_base_ = './sseg_voc21.py'

test_dataloader = dict(dataset=dict(type='PascalVOC20Dataset'))
