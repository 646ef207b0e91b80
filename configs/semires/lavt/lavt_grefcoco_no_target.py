# LAVT on gRefCOCO with a head that says whether anything is meant.
_base_ = './lavt_grefcoco.py'

model = dict(no_target=dict(channels=256, threshold=0.5, loss_weight=1.))
