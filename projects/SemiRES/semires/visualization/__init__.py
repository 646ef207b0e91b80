"""Pictures of pseudo-labels and their refinement."""
from .pseudo_label_picture import describe_matches, draw_pseudo_label
from .pseudo_label_visualization_hook import PseudoLabelVisualizationHook

__all__ = [
    'PseudoLabelVisualizationHook', 'describe_matches', 'draw_pseudo_label'
]
