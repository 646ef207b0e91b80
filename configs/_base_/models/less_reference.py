# LESS exactly as its released code computes it, for numerical comparison and
# for converted checkpoints: padded words are zeroed, not masked; tanh is
# applied twice; the word projections keep their random values; nothing is
# normalized after the cross attention; strided convolutions drop voxels on the
# far side of the grid; the area term weighs 10. Tests take one sentence at a
# time, for zeroed words of others would count.
_base_ = './less.py'
model = dict(
    expressions_per_pass=1,
    backbone=dict(
        fusion=dict(mask_padding=False, num_tanh=2, freeze_words=True),
        pad_grid=False),
    decoder=dict(cross_attn_norm=False),
    losses=dict(area=dict(loss_weight=10.)))
