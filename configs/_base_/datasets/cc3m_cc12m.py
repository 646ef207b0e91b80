# CC3M (GroupViT: gcc-train-000000.tar) and CC12M: data/{cc3m,cc12m}/*.tar
_base_ = './cc12m.py'

train_dataloader = dict(
    dataset=dict(sources=[
        dict(type='TarSource', tars='cc3m/*.tar'),
        dict(type='TarSource', tars='cc12m/*.tar')
    ]))
