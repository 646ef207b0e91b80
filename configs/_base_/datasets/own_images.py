# Own images with sentences, of which some have masks; see "Train on your own
# images" in docs/tutorials/own_images.md for the files and how the lists, the
# words and the candidates are made.
data_root = 'data/own_images/'
ann_folder = 'mine'
split_by = 'me'
image_folder = 'photos'
lists = 'mine/splits/mine_me_train_25pct_seed0'
image_size = (160, 160)  # that of the candidates
meta_keys = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
             'object_ids', 'ori_shape', 'img_shape', 'flip', 'flip_direction')
branches = ['sup', 'unsup_teacher', 'unsup_student']

load_image = dict(type='LoadImage')
resize = dict(
    type='Resize', scale=image_size, keep_ratio=False, backend='pillow')
pack = dict(type='PackSegInputs', meta_keys=meta_keys)
load_mask = dict(type='LoadReferringMask')
test_pipeline = [load_image, load_mask, resize, pack]
sup_pipeline = [
    load_image,
    load_mask,
    resize,
    dict(type='mmdet.MultiBranch', branch_field=branches, sup=[pack]),
]
unsup_pipeline = [
    load_image,
    # a mask only serves to log how good the pseudo-label is
    dict(type='LoadReferringMask', required=False),
    resize,
    dict(type='RandomGaussianBlur'),
    dict(
        type='mmdet.MultiBranch',
        branch_field=branches,
        unsup_teacher=[
            dict(type='LoadMaskCandidates', cache=f'{data_root}candidates'),
            dict(type='PackSegInputs', meta_keys=(*meta_keys, 'candidates')),
        ],
        unsup_student=[dict(type='RandomColorJitter'), pack]),
]

images = dict(
    type='RefCOCODataset',
    data_root=data_root,
    data_prefix=dict(img_path=image_folder),
    ann_folder=ann_folder,
    split_by=split_by)
labelled = dict(
    **images,
    split='train',
    image_ids=f'{lists}.labelled.json',
    pipeline=sup_pipeline)
unlabelled = dict(
    **images,
    split='train',
    image_ids=f'{lists}.unlabelled.json',
    pipeline=unsup_pipeline)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(
        type='MultiSourceEpochSampler',
        batch_size=8,
        ratio=dict(labelled=1, unlabelled=1)),
    dataset=dict(
        type='MultiSourceDataset',
        sources=dict(labelled=labelled, unlabelled=unlabelled)))
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **images, split='val', test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader  # other splits: test_dataloader.dataset.split

val_evaluator = dict(
    type='ReferringSegMetric',
    thresholds=(0.5, 0.6, 0.7, 0.8, 0.9),
    inclusive=True,
    accuracy_name='P')
test_evaluator = val_evaluator

# What is left in a config has an effect, also in those that inherit it.
del branches, sup_pipeline, unsup_pipeline, labelled, unlabelled
