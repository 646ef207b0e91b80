# S-Seg without what only training needs. An entry config adds the vocabulary
# and, for sets with background, its threshold.
_base_ = './sseg_swin-s.py'

# for tools, such as pseudo_mask_oracle.py; the model does without
pseudo_mask_generator = _base_.model.pseudo_mask_generator
model = dict(pseudo_mask_generator=None, mask_loss=None)
