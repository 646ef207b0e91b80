# LAVT on RefCOCOg (split of UMD), fully supervised.
_base_ = '../../lavt_refcoco.py'

annotations = dict(ann_folder='refcocog', split_by='umd')
train_dataloader = dict(dataset=annotations)
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader
