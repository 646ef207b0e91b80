"""Candidates by grouping image regions, without any weights."""
from __future__ import annotations
from collections.abc import Iterator, Sequence

import numpy as np
from pycocotools import mask as mask_utils

from mmlangseg.io.nearest import resize_nearest
from .candidates import Candidates
from .region_tree import build_region_tree
from .source import CANDIDATE_SOURCES, CandidateSource


@CANDIDATE_SOURCES.register_module(name='regions')
class ImageRegions(CandidateSource):
    """Hierarchical grouping of felzenszwalb segments of several scales.

    The most similar neighbors are merged until one region is left, as in
    "Selective Search for Object Recognition" (Uijlings et al., IJCV 2013,
    section 3); every region on the way is a candidate. Its score is the
    share of the merging during which it stays as it is: an object that
    differs from what surrounds it lives long.

    Args:
        scales: Of scikit-image's ``felzenszwalb``; larger gives larger
            segments.
        sigma: Its smoothing, in pixels.
        longest_side: Larger images are segmented at this size, in pixels.
        min_area: Smallest share of the image that a candidate covers.
        max_area: Largest share.
        duplicate_iou: Of candidates with a larger IoU the best is kept.
        max_candidates: How many of the best are kept.
    """

    def __init__(self,
                 scales: Sequence[float] = (60, 150, 400),
                 sigma: float = 0.8,
                 longest_side: int = 400,
                 min_area: float = 0.003,
                 max_area: float = 0.7,
                 duplicate_iou: float = 0.85,
                 max_candidates: int = 150) -> None:
        self.parameters = dict(
            scales=list(scales),
            sigma=sigma,
            longest_side=longest_side,
            min_area=min_area,
            max_area=max_area,
            duplicate_iou=duplicate_iou,
            max_candidates=max_candidates)
        self.scales = scales
        self.sigma = sigma
        self.longest_side = longest_side
        self.min_area = min_area
        self.max_area = max_area
        self.duplicate_iou = duplicate_iou
        self.max_candidates = max_candidates

    def propose(self, image: np.ndarray) -> Iterator[tuple[dict, float]]:
        import cv2
        from skimage.color import rgb2lab
        from skimage.segmentation import felzenszwalb

        height, width = image.shape[:2]
        small = image
        factor = self.longest_side / max(height, width)
        if factor < 1:
            size = max(1, round(width * factor)), max(1,
                                                      round(height * factor))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        lab = rgb2lab(small).astype(np.float32)
        masks, scores = [], []
        for scale in self.scales:
            labels = felzenszwalb(
                small, scale, self.sigma, min_size=max(4, small.size // 6000))
            members, lifetimes = self._regions(lab, labels)
            scores += lifetimes.tolist()
            full = resize_nearest(labels, (height, width))
            # one mask at a time: (H, W) from (segments,)
            masks += Candidates.from_masks(
                (member[full] for member in members), (height, width)).rles
        for index in self._best(masks, np.array(scores)):
            yield masks[index], scores[index]

    def _regions(self, lab: np.ndarray,
                 labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Segments of each region, bool (R, S), and lifetimes (R,)."""
        tree = build_region_tree(lab, labels)
        share = tree.areas / labels.size
        kept = (share >= self.min_area) & (share <= self.max_area)
        return tree.members[kept], tree.lifetimes[kept]

    def _best(self, masks: list[dict], scores: np.ndarray) -> list[int]:
        """Indices by falling score, without duplicates."""
        # A tree has many short-lived regions; few of them can get in.
        order = np.argsort(-scores, kind='stable')[:3 * self.max_candidates]
        if not len(order):
            return []
        ordered = [masks[i] for i in order]
        iou = mask_utils.iou(ordered, ordered, [0] * len(ordered))
        free = np.ones(len(order), bool)
        kept = []
        for i in range(len(order)):
            if free[i]:
                kept.append(int(order[i]))
                free &= iou[i] <= self.duplicate_iou
        return kept[:self.max_candidates]
