"""The demo of minutes: parts that are run, skipped or resumed, and a page."""
from .lanes import PartFailedError, run_lanes
from .page import Example, write_page
from .part import Part
from .progress import format_time, last_lines, seconds_left

__all__ = [
    'Example', 'Part', 'PartFailedError', 'format_time', 'last_lines',
    'run_lanes', 'seconds_left', 'write_page'
]
