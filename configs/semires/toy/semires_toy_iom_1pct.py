_base_ = './semires_toy_iom_5pct.py'

lists = 'refcoco_toy/splits/refcoco_toy_unc_train_1pct_seed0'
train_dataloader = dict(
    dataset=dict(
        sources=dict(
            labelled=dict(image_ids=f'{lists}.labelled.json'),
            unlabelled=dict(image_ids=f'{lists}.unlabelled.json'))))
load_from = 'work_dirs/semires_toy_burnin_1pct/epoch_8.pth'
