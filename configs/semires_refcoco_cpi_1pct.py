# SemiRES with composite parts integration (CPI).
_base_ = './semires_refcoco_iom_1pct.py'

model = dict(
    refiner=dict(
        _delete_=True, type='CPI', mode='uo', u_threshold=0.7,
        o_threshold=0.7),
    sup_weight=1.)
