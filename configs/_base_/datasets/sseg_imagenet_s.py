# ImageNet-S50 val, 752 images, 50 classes and "other", which counts as in the
# data set's own evaluation. tools/dataset_converters/imagenet_s.py writes the
# names. ImageNet-S300 and -S919: change `data_root`.
_base_ = './sseg_evaluation.py'

ignore_index = 65535  # 255 is a class of the larger sets
load_labels = dict(
    type='LoadWideAnnotations',
    rgb=True,
    ignore_ids=(1000, ),
    ignore_index=ignore_index)
test_pipeline = [_base_.load_image, _base_.resize, load_labels, _base_.pack]
tta_pipeline = [
    _base_.load_image,
    dict(
        type='TestTimeAug',
        transforms=[[_base_.resize], _base_.flips, [load_labels],
                    [_base_.pack]])
]
test_dataloader = dict(
    dataset=dict(
        type='ImageNetSDataset',
        data_root='data/ImageNetS/ImageNetS50/',
        ignore_index=ignore_index,
        pipeline=test_pipeline))
test_evaluator = dict(ignore_index=ignore_index)
