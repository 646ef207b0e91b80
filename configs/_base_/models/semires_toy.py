# SemiRES in miniature: a Swin of four short stages and a GRU over the words
# of the toy set, without pretrained weights.
_base_ = './semires.py'

model = dict(
    segmentor=dict(
        data_preprocessor=dict(size=(64, 64)),
        text_encoder=dict(
            _delete_=True,
            type='GRUTextEncoder',
            vocabulary='data/semires_toy/refcoco_toy/train.words.txt',
            embed_dims=64,
            hidden_channels=32),
        backbone=dict(
            embed_dims=24,
            depths=(1, 1, 1, 1),
            num_heads=(1, 2, 4, 8),
            window_size=4,
            drop_path_rate=0.,
            init_cfg=None),
        decode_head=dict(channels=48)),
    sup_weight=1.,
    data_preprocessor=dict(data_preprocessor=dict(size=(64, 64))))
