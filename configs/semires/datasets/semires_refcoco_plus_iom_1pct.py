# SemiRES with IOM on RefCOCO+.
_base_ = '../../semires_refcoco_iom_1pct.py'

annotations = dict(ann_folder='refcoco+')
lists = 'refcoco+/splits/refcoco+_unc_train_1pct_seed0'
sources = dict(
    labelled=dict(image_ids=f'{lists}.labelled.json', **annotations),
    unlabelled=dict(image_ids=f'{lists}.unlabelled.json', **annotations))
train_dataloader = dict(dataset=dict(sources=sources))
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader
load_from = 'work_dirs/semires_refcoco_plus_burnin_1pct/burnin.pth'
