from __future__ import annotations

from mmdet.engine.hooks import MeanTeacherHook
from mmengine.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class TeacherHook(MeanTeacherHook):
    """Move the teacher towards the student after every iteration.

    Parameters and floating-point buffers, such as the statistics of batch
    norm, are averaged; integer buffers are copied. (The released code
    averages and truncates those too, which breaks the table of relative
    positions in its teachers.) At iteration 0 the teacher becomes the
    student.

    Args:
        momentum (float): Share of the student: 1 - 0.9996 in the released
            code.
        interval (int): Update after so many iterations.
    """

    def __init__(self, momentum: float = 0.0004, interval: int = 1) -> None:
        super().__init__(momentum, interval, skip_buffer=False)

    def momentum_update(self, model: nn.Module, momentum: float) -> None:
        """Average, and copy what cannot be averaged."""
        super().momentum_update(model, momentum)
        for student, teacher in zip(model.student.buffers(),
                                    model.teacher.buffers()):
            if not teacher.is_floating_point():
                teacher.copy_(student)
