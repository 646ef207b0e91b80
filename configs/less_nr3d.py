# LESS on Nr3D, annotations made by tools/dataset_converters/scanrefer.py.
_base_ = './less_scanrefer.py'
train_dataloader = dict(dataset=dict(ann_file='annotations/nr3d_train.json'))
val_dataloader = dict(dataset=dict(ann_file='annotations/nr3d_val.json'))
test_dataloader = val_dataloader
