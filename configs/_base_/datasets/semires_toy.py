# Toy pictures in REFER's format with mask candidates, made by
#   python tools/dataset_converters/make_toy.py semires data/semires_toy
# of which 5 % are labelled.
data_root = 'data/semires_toy/'
lists = 'refcoco_toy/splits/refcoco_toy_unc_train_5pct_seed0'
image_size = (64, 64)
meta_keys = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
             'object_ids', 'ori_shape', 'img_shape', 'flip', 'flip_direction')
branches = ['sup', 'unsup_teacher', 'unsup_student']

load_pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadReferringMask'),
    dict(type='Resize', scale=image_size, keep_ratio=False, backend='pillow'),
]
pack = dict(type='PackSegInputs', meta_keys=meta_keys)
sup_pipeline = [
    *load_pipeline,
    dict(type='mmdet.MultiBranch', branch_field=branches, sup=[pack]),
]
unsup_pipeline = [
    *load_pipeline,
    dict(type='RandomGaussianBlur'),
    dict(
        type='mmdet.MultiBranch',
        branch_field=branches,
        unsup_teacher=[
            dict(type='LoadMaskCandidates', cache=f'{data_root}candidates'),
            dict(type='PackSegInputs', meta_keys=(*meta_keys, 'candidates')),
        ],
        # Colors matter in the toy sentences: the hue stays as it is.
        unsup_student=[dict(type='RandomColorJitter', hue=0.), pack]),
]
test_pipeline = [*load_pipeline, pack]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(
        type='MultiSourceEpochSampler',
        batch_size=32,
        ratio=dict(labelled=1, unlabelled=1),
        batches_per_epoch=50),
    dataset=dict(
        type='MultiSourceDataset',
        sources=dict(
            labelled=dict(
                type='RefCOCODataset',
                data_root=data_root,
                ann_folder='refcoco_toy',
                split='train',
                image_ids=f'{lists}.labelled.json',
                pipeline=sup_pipeline),
            unlabelled=dict(
                type='RefCOCODataset',
                data_root=data_root,
                ann_folder='refcoco_toy',
                split='train',
                image_ids=f'{lists}.unlabelled.json',
                pipeline=unsup_pipeline))))
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RefCOCODataset',
        data_root=data_root,
        ann_folder='refcoco_toy',
        split='val',
        test_mode=True,
        pipeline=test_pipeline))
# the table of the README: pictures that were not looked at
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RefCOCODataset',
        data_root=data_root,
        ann_folder='refcoco_toy',
        split='testA',
        test_mode=True,
        pipeline=test_pipeline))

val_evaluator = dict(
    type='ReferringSegMetric',
    thresholds=(0.5, 0.6, 0.7, 0.8, 0.9),
    inclusive=True,
    accuracy_name='P')
test_evaluator = val_evaluator

# What is left in a config has an effect, also in those that inherit it.
del branches, sup_pipeline, unsup_pipeline
