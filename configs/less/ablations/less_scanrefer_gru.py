# LESS with a GRU over GloVe vectors as text encoder (Table 1).
_base_ = '../../less_scanrefer.py'
model = dict(
    text_encoder=dict(
        _delete_=True,
        type='GRUTextEncoder',
        vocabulary='data/glove/glove.6B.300d.txt',
        hidden_channels=384))
