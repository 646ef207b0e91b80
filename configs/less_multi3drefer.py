# LESS on Multi3DRefer (none, one or many targets); annotations made by
# tools/dataset_converters/scanrefer.py. A prediction of fewer than 50 points
# counts as empty, as in the 3D-GRES protocol.
_base_ = './less_scanrefer.py'
train_dataloader = dict(
    dataset=dict(ann_file='annotations/multi3drefer_train.json'))
val_dataloader = dict(
    dataset=dict(ann_file='annotations/multi3drefer_val.json'))
test_dataloader = val_dataloader
val_evaluator = dict(zero_target_min_points=50)
test_evaluator = val_evaluator
