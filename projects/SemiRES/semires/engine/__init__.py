from .pseudo_label_picture import describe_matches, draw_pseudo_label
from .pseudo_label_visualization_hook import PseudoLabelVisualizationHook
from .teacher_hook import TeacherHook

__all__ = [
    'PseudoLabelVisualizationHook', 'TeacherHook', 'describe_matches',
    'draw_pseudo_label'
]
