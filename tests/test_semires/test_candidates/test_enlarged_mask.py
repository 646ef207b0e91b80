"""SAM's masks at the size of the image, beside enlarging all of them."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from pycocotools import mask as mask_utils
from torch.nn import functional as F

from mmlangseg.semires.candidates.enlarged_mask import MaskEnlarger

# the resized image within 256 x 256 padded pixels, and the image
SIZES = [((192, 256), (480, 640)), ((256, 181), (640, 453)),
         ((256, 128), (30, 15)), ((192, 256), (1500, 2000)),
         ((1, 256), (1, 300))]


def blob(low: tuple[int, int], seed: int) -> torch.Tensor:
    """Logits with a hill somewhere."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*map(torch.arange, low), indexing='ij')
    center = torch.rand(2, generator=generator) * torch.tensor(low)
    distance = torch.hypot(y - center[0], x - center[1])
    noise = torch.randn(low, generator=generator)
    return 8 - distance + 0.3 * noise


def enlarged_at_once(logits: torch.Tensor, inner, size) -> torch.Tensor:
    """As segment-anything does it, (H, W)."""
    padded = F.pad(
        logits, (0, 64 - logits.shape[1], 0, 64 - len(logits)), value=-50.)
    large = F.interpolate(padded[None, None], (256, 256), mode='bilinear')
    return F.interpolate(
        large[..., :inner[0], :inner[1]], size, mode='bilinear')[0, 0]


@pytest.mark.parametrize('inner, size', SIZES)
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_equals_all_of_it(inner, size, seed):
    low = tuple(min(-(-edge // 4) + 1, 64) for edge in inner)
    logits = blob(low, seed)
    whole = enlarged_at_once(logits, inner, size)
    assert (whole > -1).any() and not (whole > -1).all()
    mask = MaskEnlarger(low, inner, size, 'cpu')(logits, -1.)
    width, height = mask.logits.shape
    part = whole[mask.top:mask.top + height, mask.left:mask.left + width]
    torch.testing.assert_close(mask.logits.T, part, atol=1e-5, rtol=1e-5)
    outside = whole.clone()
    outside[mask.top:mask.top + height, mask.left:mask.left + width] = -9
    assert not (outside > -1).any()

    expected = (whole > 1).sum() / (whole > -1).sum()
    assert mask.stability(1.) == pytest.approx(float(expected))
    code, box = mask.code()
    found = mask_utils.decode(code).astype(bool)
    # a logit of zero may be rounded to either side
    assert (found != (whole > 0).numpy()).sum() <= 2
    rows, columns = np.nonzero(found)
    assert box == [columns.min(), rows.min(), columns.max(), rows.max()]


def test_computes_only_what_is_near():
    enlarge = MaskEnlarger((48, 64), (192, 256), (480, 640), 'cpu')
    logits = torch.full((48, 64), -5.)
    logits[10, 60] = 5
    found = enlarge(logits, -1.)
    assert found.logits.shape == (64, 64)
    assert (found.left, found.top) == (576, 64)


def test_empty():
    enlarge = MaskEnlarger((48, 64), (192, 256), (480, 640), 'cpu')
    assert enlarge(torch.full((48, 64), -5.), -1.) is None
    # above the lower cutoff only
    mask = enlarge(torch.full((48, 64), -0.5), -1.)
    assert mask.stability(1.) == 0
    assert mask.code()[1] == [0] * 4
    # nowhere above any
    assert not enlarge(torch.full((48, 64), -1.0005), -1.).stability(1.) >= 0
