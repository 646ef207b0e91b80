# Burn-in as the released code stands: LAVT's, but trained on cleaned sentences
# and tested on raw ones.
_base_ = '../lavt/lavt_refcoco_reference.py'

train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        text_field='sent',
        image_ids='refcoco/splits/refcoco_unc_train_1pct_seed0.labelled.json'))
auto_scale_lr = dict(base_batch_size=8)
