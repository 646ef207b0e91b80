"""Headless pictures of referred objects, in scans and in images."""
from mmlangseg.image_files import read_image
from .expressions import (draw_expressions, expression_name, safe_name,
                          transforms_of)
from .html import write_html
from .image_io import write_png
from .overlay import draw_overlay
from .ply import write_ply
from .referring_visualization_hook import ReferringVisualizationHook
from .scan_painter import ScanPainter
from .semantic_overlay import draw_labels, label_colors, paint_labels
from .semantic_visualization_hook import SemanticVisualizationHook

__all__ = [
    'ReferringVisualizationHook', 'ScanPainter', 'SemanticVisualizationHook',
    'draw_expressions', 'draw_labels', 'draw_overlay', 'expression_name',
    'label_colors', 'paint_labels', 'read_image', 'safe_name', 'transforms_of',
    'write_html', 'write_ply', 'write_png'
]
