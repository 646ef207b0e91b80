"""Headless pictures and pages of referred objects in scans."""
from .glb import write_glb
from .html import write_html
from .ply import write_ply
from .scan_expressions import draw_scan, expression_name
from .scan_painter import ScanPainter

__all__ = [
    'ScanPainter', 'draw_scan', 'expression_name', 'write_glb', 'write_html',
    'write_ply'
]
