# Image-caption pairs of CC12M in tars, as img2dataset and the mirrors write
# them; the names do not matter (GroupViT: gcc-conceptual-12m-000000.tar):
#   data/cc12m/*.tar
# They are indexed at the first start, or ahead by tools/sseg/index_pairs.py.
_base_ = './sseg_test_images.py'

image_size = (224, 224)  # a choice
load_pair = dict(type='LoadPairImage')
# a choice: GroupViT's crop and flip, without its changes of colors, which
# would mislead the clusters
crop = dict(type='RandomResizedCrop', size=image_size, scale=(0.08, 1.))
flip = dict(type='RandomFlip', prob=0.5)
pack_pair = dict(
    type='PackSegInputs',
    meta_keys=('key', 'sample_id', 'text', 'ori_shape', 'img_shape', 'flip',
               'flip_direction'))
train_pipeline = [load_pair, crop, flip, pack_pair]
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    # shuffles the tars and mixes 16 of them; type='EpochSampler' mixes all
    sampler=dict(type='ShardShuffleSampler', window=16),
    dataset=dict(
        type='ImageTextDataset',
        data_root='data/',
        sources=[dict(type='TarSource', tars='cc12m/*.tar')],
        pipeline=train_pipeline))
