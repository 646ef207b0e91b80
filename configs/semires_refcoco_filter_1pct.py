# Mean teacher that learns only from the pixels its teacher is sure of.
_base_ = './semires_refcoco_iom_1pct.py'

model = dict(
    refiner=dict(_delete_=True, type='KeepPseudoLabel'),
    pseudo_label_loss=dict(
        pixel_weight=dict(
            _delete_=True, type='ConfidenceFilter', threshold=0.9)))
