# Burn-in of SemiRES: LAVT on the labelled images only.
_base_ = './lavt_refcoco.py'

train_dataloader = dict(
    dataset=dict(
        image_ids='refcoco/splits/refcoco_unc_train_1pct_seed0.labelled.json'))
