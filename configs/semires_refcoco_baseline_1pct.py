# The plain mean teacher: pseudo-labels as they are.
_base_ = './semires_refcoco_iom_1pct.py'

model = dict(refiner=dict(_delete_=True, type='KeepPseudoLabel', trusted=True))
