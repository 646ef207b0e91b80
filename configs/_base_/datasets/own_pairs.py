# Own image-caption pairs, and photographs with label maps to test on:
#   data/own_pairs/pairs/*.tar         KEY.jpg and KEY.txt, as img2dataset
#   data/own_pairs/photos/NAME.jpg     to test on
#   data/own_pairs/labels/NAME.png     0 background, i the i-th class, 255
#                                      ignored (of more than 254 classes:
#                                      16 bits, 65535 ignored)
#   data/own_pairs/classes.txt         lines "0 background", "1 cat;kitten"
#   data/own_pairs/{val,test}.txt      lines NAME: the threshold is chosen on
#                                      val, the score is that of test
data_root = 'data/own_pairs/'
image_size = (128, 128)  # of the crops in training
image_scale = (512, 160)  # longest and short side in testing

train_pipeline = [
    dict(type='LoadPairImage'),
    dict(type='RandomResizedCrop', size=image_size, scale=(0.4, 1.)),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PackSegInputs',
        meta_keys=('key', 'sample_id', 'text', 'ori_shape', 'img_shape')),
]
load_image = dict(type='LoadImage')
resize = dict(
    type='Resize', scale=image_scale, keep_ratio=True, backend='pillow')
load_labels = dict(type='LoadWideAnnotations')
pack = dict(type='PackSegInputs')
flips = [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)]
# labels behind the resizing: predictions are scored at the original size
test_pipeline = [load_image, resize, load_labels, pack]
tta_model = dict(type='ProbabilityTTAModel')
tta_pipeline = [  # tools/test.py --tta
    load_image,
    dict(
        type='TestTimeAug',
        # labels behind the flips: predictions are turned back
        transforms=[[resize], flips, [load_labels], [pack]])
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='ImageTextDataset',
        data_root=data_root,
        # other sources: FolderSource, TableSource, JSONLSource
        sources=[
            # the index beside the pairs may be on a disk that is read only
            dict(type='TarSource', tars='pairs/*.tar', index_dir='index')
        ],
        pipeline=train_pipeline))

eval_dataset = dict(
    type='ClassFileDataset',
    data_root=data_root,
    classes_file='classes.txt',
    data_prefix=dict(img_path='photos', seg_map_path='labels'),
    test_mode=True,
    pipeline=test_pipeline)
val_dataloader = dict(
    batch_size=1,  # photographs differ in size
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**eval_dataset, ann_file='val.txt'))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**eval_dataset, ann_file='test.txt'))
val_evaluator = dict(
    type='WideIoUMetric', iou_metrics=['mIoU'], ignore_index=65535)
test_evaluator = val_evaluator
