# Burn-in with 10 % of the images labelled.
_base_ = '../../semires_refcoco_burnin_1pct.py'
lists = 'refcoco/splits/refcoco_unc_train_10pct_seed0'
train_dataloader = dict(dataset=dict(image_ids=f'{lists}.labelled.json'))
