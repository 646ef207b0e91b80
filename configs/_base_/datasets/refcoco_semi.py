# RefCOCO of which 1 % of the images is labelled. The lists are made by
#   python tools/dataset_converters/refcoco_split.py data/refer/refcoco \
#       --percent 0.1 0.5 1 2 5 10
# the mask candidates, for all data sets on COCO's images together, by
#   python tools/semires/generate_candidates.py (see projects/SemiRES)
_base_ = './refcoco.py'

data_root = _base_.data_root
lists = 'refcoco/splits/refcoco_unc_train_1pct_seed0'

branches = ['sup', 'unsup_teacher', 'unsup_student']
sup = dict(type='mmdet.MultiBranch', branch_field=branches, sup=[_base_.pack])
sup_pipeline = [_base_.load_image, _base_.load_mask, _base_.resize, sup]
# The weak view is the teacher's; the student's is made from it.
pack_candidates = dict(
    type='PackSegInputs', meta_keys=(*_base_.meta_keys, 'candidates'))
unsup = dict(
    type='mmdet.MultiBranch',
    branch_field=branches,
    unsup_teacher=[
        dict(type='LoadMaskCandidates', cache='data/refer/candidates'),
        pack_candidates
    ],
    unsup_student=[dict(type='RandomColorJitter'), _base_.pack])
unsup_pipeline = [
    _base_.load_image,
    # masks of unlabelled images only serve to log how good pseudo-labels are
    dict(type='LoadReferringMask', required=False),
    _base_.resize,
    dict(type='RandomGaussianBlur'),
    unsup,
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
