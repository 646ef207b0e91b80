"""Pictures of what becomes of a pseudo-label."""
from __future__ import annotations

import numpy as np

from mmlangseg.visualization.colors import GT_COLOR, PRED_COLOR
from mmlangseg.visualization.enlarge import enlarge
from mmlangseg.visualization.header import add_header
from mmlangseg.visualization.overlay import mask_iou, outline_mask, paint_masks
from ..candidates import Candidates, draw_candidates
from ..refiners.refinement import Refinement

PANEL = 320  # pixels that a panel has at least
CHOSEN_COLOR = (255, 255, 255)
MAX_NAMED = 4  # chosen candidates of which numbers are given


def draw_pseudo_label(image: np.ndarray,
                      text: str,
                      pseudo: np.ndarray,
                      refinement: Refinement,
                      candidates: Candidates | None = None,
                      truth: np.ndarray | None = None,
                      note: str = '') -> np.ndarray:
    """Draw image, teacher's mask, candidates and refined mask in a row.

    Args:
        image: uint8 RGB (H, W, 3).
        text: The sentence.
        pseudo: The teacher's mask, bool (H, W).
        refinement: What the refiner made of it.
        candidates: The candidates of the image, None if it has none.
        truth: True mask, bool (H, W). It is outlined, and the IoU of both
            masks with it is given.
        note: Put below the sentence, before what was matched.

    Returns:
        np.ndarray: uint8 RGB.
    """
    scale = -(-PANEL // min(image.shape[:2]))  # small pictures are enlarged
    size = tuple(scale * side for side in image.shape[:2])
    large = enlarge(image, scale)
    outline = None if truth is None else enlarge(truth, scale)

    def masks(mask: np.ndarray) -> np.ndarray:
        return paint_masks(large, enlarge(mask, scale), outline)

    painted, number = large.copy(), 0
    if candidates:
        number, resized = len(candidates), candidates.resized(size)
        painted = draw_candidates(painted, resized)
        for index in refinement.chosen:
            outline_mask(painted, resized.mask(index), CHOSEN_COLOR)
    panels = [
        ('image', 'weak view, as the teacher sees it', large),
        ('teacher', _quality(pseudo, truth), masks(pseudo)),
        (f'{number} candidates', 'matched ones outlined', painted),
        ('refined' if refinement.chosen else 'not refined',
         _quality(refinement.mask, truth), masks(refinement.mask)),
    ]
    row = np.concatenate(
        [add_header(panel, title, line) for title, line, panel in panels], 1)
    legend = [('mask', PRED_COLOR)]
    if truth is not None:
        legend.append(('ground truth', GT_COLOR))
    matches = describe_matches(pseudo, refinement, candidates)
    return add_header(row, text, f'{note}  {matches}'.strip(), legend)


def describe_matches(pseudo: np.ndarray, refinement: Refinement,
                     candidates: Candidates | None) -> str:
    """Say which candidates were chosen, and how they lie to the mask."""
    if not refinement.chosen:
        return 'no candidate matched' if candidates else 'no candidates'
    inter = candidates.intersections(pseudo)
    area = np.count_nonzero(pseudo)
    parts = []
    for i in refinement.chosen[:MAX_NAMED]:
        own, shared = int(candidates.areas[i]), int(inter[i])
        parts.append(f'#{i} (IoU {shared / (own + area - shared):.2f}, '
                     f'covers {shared / area:.2f}, '
                     f'inside {shared / own:.2f})')
    if len(refinement.chosen) > MAX_NAMED:
        parts.append(f'and {len(refinement.chosen) - MAX_NAMED} more')
    return f'matched {", ".join(parts)}'


def _quality(mask: np.ndarray, truth: np.ndarray | None) -> str:
    if truth is None:
        return f'{np.count_nonzero(mask)} pixels'
    return f'IoU with the truth {100 * mask_iou(mask, truth):.1f} %'
