# Mutual learning: an epoch is a pass over the unlabelled objects. Entry
# configs add the hook that moves the teacher.
_base_ = './lavt.py'

# both networks are evaluated; metrics are named teacher/... and student/...
val_cfg = dict(type='mmdet.TeacherStudentValLoop')

auto_scale_lr = dict(base_batch_size=24)  # 4 GPUs x (3 + 3)
