"""Headless pictures of what sentences refer to."""
from mmlangseg.io.images import read_image
from .expressions import draw_expressions, safe_name, transforms_of
from .image_io import write_png
from .overlay import draw_overlay
from .referring_visualization_hook import ReferringVisualizationHook

__all__ = [
    'ReferringVisualizationHook', 'draw_expressions', 'draw_overlay',
    'read_image', 'safe_name', 'transforms_of', 'write_png'
]
