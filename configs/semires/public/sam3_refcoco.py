# SAM 3 on RefCOCO, a sentence as the prompt: nothing is trained here. Of the
# objects found the one with the highest score is taken. Predictions are
# evaluated at the size of the images (the papers': 480 x 480), so the masks
# are loaded behind the resize.
_base_ = [
    '../../_base_/models/sam3.py', '../../_base_/datasets/refcoco_test.py',
    '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

model = dict(type='PromptedReferring', eval_size='original')

test_pipeline = [
    _base_.load_image, _base_.square, _base_.load_mask, _base_.pack
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
