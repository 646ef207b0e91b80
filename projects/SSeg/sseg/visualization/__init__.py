"""Headless pictures of label maps."""
from .semantic_overlay import draw_labels, label_colors, paint_labels
from .semantic_visualization_hook import SemanticVisualizationHook

__all__ = [
    'SemanticVisualizationHook', 'draw_labels', 'label_colors', 'paint_labels'
]
