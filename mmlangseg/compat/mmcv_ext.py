"""The operators of MMCV that are called here, where MMCV has none compiled.

``mmcv-lite``, a wheel for every platform, holds all of MMCV but the compiled
module ``mmcv._ext``, which MMDetection, MMDetection3D and MMSegmentation ask
for when they are imported. :func:`provide_mmcv_ext` offers a module of that
name. Its ``nms`` and ``roi_align`` are plain PyTorch, on every device; every
other operator can be imported, and raises an error with the remedy when it is
called. A compiled MMCV is always preferred.

Unnecessary with: a release of MMCV that has wheels for the torch of the day.
"""
from __future__ import annotations
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this file is imported before torch
    from torch import Tensor

NAME = 'mmcv._ext'
REMEDY = ('mmcv-lite is installed; compile MMCV against your torch: pip '
          'uninstall mmcv-lite, then pip install --no-build-isolation '
          'mmcv==2.1.0')


def provide_mmcv_ext() -> None:
    """Offer ``mmcv._ext`` to the imports that come, if there is no other."""
    if not any(isinstance(finder, _ExtFinder) for finder in sys.meta_path):
        sys.meta_path.append(_ExtFinder())  # last, so that a real one wins


class _ExtFinder(MetaPathFinder, Loader):

    def find_spec(self,
                  fullname: str,
                  path: Sequence[str] | None,
                  target: types.ModuleType | None = None):
        if fullname == NAME:
            return importlib.machinery.ModuleSpec(NAME, self)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec):
        return _Ext(NAME)

    def exec_module(self, module: types.ModuleType) -> None:
        operators = (nms, roi_align_forward, roi_align_backward,
                     get_compiler_version, get_compiling_cuda_version)
        for operator in operators:
            setattr(module, operator.__name__, operator)


class _Ext(types.ModuleType):
    """A module in which every operator exists, and says what it lacks."""

    is_stand_in = True

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise RuntimeError(f'the operator {name} of MMCV is compiled '
                               f'code, which is not there: {REMEDY}')

        return missing


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float,
        offset: int) -> Tensor:
    """Non-maximum suppression.

    Args:
        boxes (Tensor): (n, 4), left, top, right, bottom.
        scores (Tensor): (n, ).
        iou_threshold (float): A box goes if its IoU with a kept one of a
            higher score is above.
        offset (int): 1 if ``right`` and ``bottom`` are the last pixel, 0 if
            they are behind it.

    Returns:
        Tensor: int64, indices of the kept boxes by descending score.
    """
    import torch
    order = scores.argsort(descending=True)
    left, top, right, bottom = boxes[order].unbind(1)
    areas = (right - left + offset) * (bottom - top + offset)
    alive = torch.ones_like(order, dtype=torch.bool)
    for i in range(len(order)):
        if not alive[i]:
            continue
        width = torch.minimum(right[i], right[i + 1:]) - torch.maximum(
            left[i], left[i + 1:])
        height = torch.minimum(bottom[i], bottom[i + 1:]) - torch.maximum(
            top[i], top[i + 1:])
        shared = (width + offset).clamp(min=0) * (height + offset).clamp(min=0)
        iou = shared / (areas[i] + areas[i + 1:] - shared)
        alive[i + 1:] &= ~(iou > iou_threshold)  # keeps boxes without area
    return order[alive]


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor,
                      argmax_y: Tensor, argmax_x: Tensor, **options) -> None:
    """Average features over the cells of regions, into ``output``.

    Bilinear interpolation is separable, and so is the average over the
    samples of a cell: each region is two small matrix products.

    Args:
        input (Tensor): (B, C, H, W).
        rois (Tensor): (R, 5), index of the image, left, top, right, bottom.
        output (Tensor): (R, C, aligned_height, aligned_width), is filled.
        argmax_y (Tensor): Of maximum pooling, not used.
        argmax_x (Tensor): Likewise.
        options: Those of :func:`_cells`.
    """
    for region, image, rows, columns in _cells(rois, input.shape, **options):
        output[region] = rows @ input[image] @ columns.mT


def roi_align_backward(grad_output: Tensor, rois: Tensor, argmax_y: Tensor,
                       argmax_x: Tensor, grad_input: Tensor,
                       **options) -> None:
    """Add the gradient of :func:`roi_align_forward` to ``grad_input``."""
    for region, image, rows, columns in _cells(rois, grad_input.shape,
                                               **options):
        grad_input[image] += rows.mT @ grad_output[region] @ columns


def _cells(rois: Tensor, shape: Sequence[int], *, aligned_height: int,
           aligned_width: int, spatial_scale: float, sampling_ratio: int,
           pool_mode: int, aligned: bool):
    """Yield each region, its image, and the weights of its rows and columns.

    Args:
        rois (Tensor): (R, 5).
        shape: B, C, H, W of the features.
        aligned_height (int): Rows of cells.
        aligned_width (int): Columns of cells.
        spatial_scale (float): From coordinates of regions to features.
        sampling_ratio (int): Samples of a cell along each side; 0: as many
            as it has pixels.
        pool_mode (int): 1, the average.
        aligned (bool): Whether the centers of pixels are at .5.

    Raises:
        RuntimeError: Maximum pooling.
        ValueError: A region whose end is before its start.
    """
    if pool_mode != 1:
        raise RuntimeError('roi_align with pool_mode="max" needs the compiled '
                           f'operators of MMCV: {REMEDY}')
    corners = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0.)
    starts, sizes = corners[:, :2], corners[:, 2:] - corners[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1)
    elif (sizes < 0).any():
        raise ValueError('roi_align: a region ends before it starts')
    for region, image in enumerate(rois[:, 0].long().tolist()):
        left, top = starts[region]
        width, height = sizes[region]
        yield (region, image,
               _axis_weights(top, height, aligned_height, sampling_ratio,
                             shape[2]),
               _axis_weights(left, width, aligned_width, sampling_ratio,
                             shape[3]))


def _axis_weights(start: Tensor, size: Tensor, cells: int, samples: int,
                  length: int) -> Tensor:
    """What each of ``length`` pixels weighs in each cell: (cells, length)."""
    import torch
    step = size / cells
    samples = samples or int(torch.ceil(step))  # none in an empty region
    inside = torch.arange(samples, device=start.device).to(start) + 0.5
    first = torch.arange(cells, device=start.device).to(start)[:, None]
    at = start + first * step + inside * step / samples  # (cells, samples)
    counts = ((at >= -1) & (at <= length)).to(at)
    at = at.clamp(0, length - 1)
    low = at.long()
    high = (low + 1).clamp(max=length - 1)
    share = at - low
    weights = at.new_zeros(cells, length)
    weights.scatter_add_(1, low, counts * (1 - share))
    weights.scatter_add_(1, high, counts * share)
    return weights / max(samples, 1)


def get_compiler_version() -> str:
    """What MMCV's report of the environment shows."""
    return 'none (mmcv-lite)'


def get_compiling_cuda_version() -> str:
    """Likewise."""
    return 'none (mmcv-lite)'
