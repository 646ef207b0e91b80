# Burn-in of SemiRES on RefCOCO+.
_base_ = '../../semires_refcoco_burnin_1pct.py'

annotations = dict(ann_folder='refcoco+')
lists = 'refcoco+/splits/refcoco+_unc_train_1pct_seed0'
train_dataloader = dict(
    dataset=dict(image_ids=f'{lists}.labelled.json', **annotations))
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader
