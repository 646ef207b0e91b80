_base_ = './semires_toy_supervised_5pct.py'

lists = 'refcoco_toy/splits/refcoco_toy_unc_train_1pct_seed0'
train_dataloader = dict(
    dataset=dict(
        sources=dict(labelled=dict(image_ids=f'{lists}.labelled.json'))))
