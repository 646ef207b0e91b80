"""How much is computed at a time: every length that changes speed and memory,
and no result.

On a CPU the intermediate results of a step stay in the cache of a core. A GPU
is kept busy by few large steps, within its memory.
"""
from __future__ import annotations
from collections.abc import Iterator

import torch

# Products of fewer channels are no faster with oneDNN, and of fewer elements
# not worth the kernel that it compiles for them.
ONEDNN_ROWS = 1024
ONEDNN_MIN_CHANNELS = 48
ONEDNN_MIN_PRODUCTS = 2**25
# The two buffers of a step of a sparse convolution on the CPU.
SPARSE_STEP_BYTES = 3 * 2**19
# Rows (voxels, channels) made and used up at once: 2 MB of 256 channels.
_CPU_ROWS = 2048
_CPU_PAIRS, _GPU_PAIRS = 2**20, 2**26
_CPU_PIXELS, _GPU_PIXELS = 2**16, 2**24
# Of images to be clustered: half of a usual second-level cache.
_CPU_FLOATS = 2**18
# Of maps at the size of the images: channels, and elements.
_CHANNELS, _MAP_ELEMENTS = 128, 2**26
# Names of classes, as sentences, that a text encoder is given at a time.
TEXTS_AT_ONCE = 256


def rows_at_once(device: torch.device, rows: int, copies: int) -> int:
    """Rows of each of several ``copies`` that are made at a time."""
    if device.type != 'cpu':
        return max(1, rows)
    return max(1, _CPU_ROWS // copies)


def pairs_at_once(device: torch.device) -> int:
    """Pairs of points that are compared at a time."""
    return _CPU_PAIRS if device.type == 'cpu' else _GPU_PAIRS


def masks_at_once(device: torch.device, pixels: int) -> int:
    """Masks of so many pixels that are compared at a time."""
    if device.type == 'cpu':
        elements = _CPU_PIXELS * torch.get_num_threads()
    else:
        elements = _GPU_PIXELS
    return max(1, elements // pixels)


def images_at_once(device: torch.device, images: int, floats: int) -> int:
    """Images of so many floats that are clustered side by side."""
    if device.type != 'cpu':
        return max(1, images)
    return max(1, _CPU_FLOATS // floats)


def sentences_at_once(device: torch.device, most: int) -> int:
    """Sentences about a scan that go through the network together; on a CPU
    one, whose voxel features fit into the cache of a core."""
    return 1 if device.type == 'cpu' else most


def channels_at_once(pixels: int) -> int:
    """Channels of a map of so many pixels that are enlarged at a time."""
    return min(_CHANNELS, classes_at_once(pixels))


def classes_at_once(pixels: int) -> int:
    """Classes whose probabilities at so many pixels are in memory together,
    unless all are kept."""
    return max(1, _MAP_ELEMENTS // pixels)


def slices(total: int, step: int) -> Iterator[slice]:
    """Cut ``range(total)`` into parts of at most ``step``, at least 1."""
    step = max(1, step)
    for first in range(0, total, step):
        yield slice(first, first + step)
