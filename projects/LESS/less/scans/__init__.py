"""Files of scans, and the frame that the points are in."""
from .frame import place_scan, read_alignment
from .reader import as_points, read_scan

__all__ = ['as_points', 'place_scan', 'read_alignment', 'read_scan']
