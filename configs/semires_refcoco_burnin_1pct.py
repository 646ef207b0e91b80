# Burn-in of SemiRES: LAVT on the labelled images only.
_base_ = './lavt_refcoco.py'

train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        image_ids='refcoco/splits/refcoco_unc_train_1pct_seed0.labelled.json'))
auto_scale_lr = dict(base_batch_size=8)
