# The plain mean teacher on the toy set.
_base_ = './semires_toy_iom_5pct.py'

model = dict(refiner=dict(_delete_=True, type='KeepPseudoLabel', trusted=True))
