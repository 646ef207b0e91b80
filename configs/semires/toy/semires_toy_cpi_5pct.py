# Mutual learning on the toy set, pseudo-labels refined by CPI.
_base_ = './semires_toy_iom_5pct.py'

model = dict(
    refiner=dict(
        _delete_=True,
        type='CPI',
        mode='uo',
        u_threshold=0.7,
        o_threshold=0.7,
        # without it candidates of several objects, or of the background,
        # swallow most pseudo-labels
        max_area_ratio=1.5))
