# SemiRES with CPI as its released code stands: like IOM, but with a supervised
# weight of 1 and an end after five epochs without gain.
_base_ = './semires_refcoco_iom_1pct_reference.py'

model = dict(
    refiner=dict(
        _delete_=True, type='CPI', mode='uo', u_threshold=0.7,
        o_threshold=0.7),
    sup_weight=1.)
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='PatienceHook',
        monitor='teacher/oIoU',
        rule='greater',
        patience=5),
]
