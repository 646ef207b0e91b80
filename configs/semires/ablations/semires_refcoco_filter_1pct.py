# Mean teacher that learns only from the pixels its teacher is sure of.
_base_ = './semires_refcoco_baseline_1pct.py'

model = dict(
    refiner=dict(trusted=False),
    pseudo_label_loss=dict(
        pixel_weight=dict(
            _delete_=True, type='ConfidenceFilter', threshold=0.9)))
