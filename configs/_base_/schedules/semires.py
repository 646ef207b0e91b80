# Mutual learning: an epoch is a pass over the unlabelled objects. Entry
# configs add the hook that moves the teacher.
_base_ = './lavt.py'

auto_scale_lr = dict(base_batch_size=24)  # 4 GPUs x (3 + 3)
