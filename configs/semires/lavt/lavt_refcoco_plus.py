# LAVT on RefCOCO+, fully supervised.
_base_ = '../../lavt_refcoco.py'

annotations = dict(ann_folder='refcoco+')
train_dataloader = dict(dataset=annotations)
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader
