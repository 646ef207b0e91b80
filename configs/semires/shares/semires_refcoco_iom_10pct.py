# SemiRES with IOM, 10 % of the images labelled.
_base_ = '../../semires_refcoco_iom_1pct.py'
lists = 'refcoco/splits/refcoco_unc_train_10pct_seed0'
sources = dict(
    labelled=dict(image_ids=f'{lists}.labelled.json'),
    unlabelled=dict(image_ids=f'{lists}.unlabelled.json'))
train_dataloader = dict(dataset=dict(sources=sources))
load_from = 'work_dirs/semires_refcoco_burnin_10pct/burnin.pth'
