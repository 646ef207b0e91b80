# Label maps with ids above 254, so that 255 is a class.
_base_ = './sseg_evaluation.py'

ignore_index = 65535
load_labels = dict(type='LoadWideAnnotations', ignore_index=ignore_index)
test_pipeline = [_base_.load_image, _base_.resize, load_labels, _base_.pack]
tta_pipeline = [
    _base_.load_image,
    dict(
        type='TestTimeAug',
        transforms=[[_base_.resize], _base_.flips, [load_labels],
                    [_base_.pack]])
]
test_dataloader = dict(
    dataset=dict(ignore_index=ignore_index, pipeline=test_pipeline))
test_evaluator = dict(ignore_index=ignore_index)
