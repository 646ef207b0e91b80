# CC3M, CC12M and RedCaps (GroupViT: redcap12m-000000.tar), of which the paper
# takes the first 11 million pairs: data/{cc3m,cc12m,redcaps}/*.tar
_base_ = './cc12m.py'

train_dataloader = dict(
    dataset=dict(sources=[
        dict(type='TarSource', tars='cc3m/*.tar'),
        dict(type='TarSource', tars='cc12m/*.tar'),
        dict(type='TarSource', tars='redcaps/*.tar')
    ]))
