# LAVT on gRefCOCO, where an expression may mean several objects or none.
_base_ = '../../lavt_refcoco.py'

annotations = dict(ann_folder='grefcoco')
train_dataloader = dict(dataset=annotations)
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader  # other splits: testA, testB

# LAVT has no head that says "nothing is meant"; a small mask says it
val_evaluator = dict(
    _delete_=True,
    type='GeneralizedSegMetric',
    no_target_pixels=50,
    inclusive=True)
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(save_best='gIoU'))
