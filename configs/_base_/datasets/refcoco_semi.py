# RefCOCO of which 1 % of the images is labelled. The lists are made by
#   python tools/dataset_converters/refcoco_split.py data/refer/refcoco \
#       --percent 0.1 0.5 1 2 5 10
# the mask candidates, for all data sets on COCO's images together, by
#   python tools/semires/generate_candidates.py (see projects/SemiRES)
_base_ = './refcoco.py'

data_root = _base_.data_root
lists = 'refcoco/splits/refcoco_unc_train_1pct_seed0'
meta_keys = _base_.meta_keys

load_pipeline = _base_.train_pipeline[:-1]
sup_pipeline = [
    *load_pipeline,
    dict(
        type='mmdet.MultiBranch',
        branch_field=['sup', 'unsup_teacher', 'unsup_student'],
        sup=[dict(type='PackSegInputs', meta_keys=meta_keys)]),
]
# The weak view is the teacher's; the student's is made from it.
unsup_pipeline = [
    load_pipeline[0],
    # masks of unlabelled images only serve to log how good pseudo-labels are
    dict(type='LoadReferringMask', required=False),
    load_pipeline[2],
    dict(type='RandomGaussianBlur'),
    dict(
        type='mmdet.MultiBranch',
        branch_field=['sup', 'unsup_teacher', 'unsup_student'],
        unsup_teacher=[
            dict(type='LoadMaskCandidates', cache='data/refer/candidates'),
            dict(type='PackSegInputs', meta_keys=(*meta_keys, 'candidates')),
        ],
        unsup_student=[
            dict(type='RandomColorJitter'),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ]),
]

train_dataloader = dict(
    _delete_=True,
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(
        type='MultiSourceEpochSampler',
        batch_size=6,
        ratio=dict(labelled=1, unlabelled=1)),
    dataset=dict(
        type='MultiSourceDataset',
        sources=dict(
            labelled=dict(
                type='RefCOCODataset',
                data_root=data_root,
                ann_folder=_base_.ann_folder,
                split_by=_base_.split_by,
                split='train',
                image_ids=f'{lists}.labelled.json',
                pipeline=sup_pipeline),
            unlabelled=dict(
                type='RefCOCODataset',
                data_root=data_root,
                ann_folder=_base_.ann_folder,
                split_by=_base_.split_by,
                split='train',
                image_ids=f'{lists}.unlabelled.json',
                pipeline=unsup_pipeline))))
