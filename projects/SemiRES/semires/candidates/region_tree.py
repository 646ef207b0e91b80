"""Merging of neighboring image segments into a tree of regions."""
from __future__ import annotations
import heapq
from dataclasses import dataclass

import numpy as np

_BINS = 12  # per channel


@dataclass
class RegionTree:
    """Regions of a hierarchical grouping of S segments.

    Attributes:
        members (np.ndarray): Which segments a region has, bool (R, S).
        areas (np.ndarray): Pixel counts (R,).
        lifetimes (np.ndarray): How far the number of regions falls while a
            region exists, in logarithms, as a share of the whole way from S
            to 1; float64 (R,) in [0, 1].
    """

    members: np.ndarray
    areas: np.ndarray
    lifetimes: np.ndarray


def build_region_tree(lab: np.ndarray, labels: np.ndarray) -> RegionTree:
    """Merge the most similar neighbors until nothing is left to merge.

    The similarity is the sum of four terms in [0, 1]: intersection of color
    and of gradient histograms, small size, and how well the two fill their
    common box (Uijlings et al., IJCV 2013, section 3.2).

    Args:
        lab: Image in CIE Lab, float (H, W, 3).
        labels: Segment of each pixel, 0 to S - 1, int (H, W).

    Returns:
        RegionTree: The S segments and all that comes from them.
    """
    count = int(labels.max()) + 1
    nodes = _Nodes(lab, labels, 2 * count - 1)
    neighbors: list[set[int]] = [set() for _ in range(count)]
    queue = []
    for a, b in _adjacent(labels):
        neighbors[a].add(b)
        neighbors[b].add(a)
        queue.append((-nodes.similarity(a, b), a, b))
    heapq.heapify(queue)
    born = [0] * count
    died = {}
    while queue:
        _, a, b = heapq.heappop(queue)
        if a in died or b in died:
            continue
        new = len(born)
        step = new - count + 1
        died[a] = died[b] = step
        born.append(step)
        nodes.merge(a, b, new)
        around = {n for n in neighbors[a] | neighbors[b] if n not in died}
        neighbors.append(around)
        for other in sorted(around):
            neighbors[other].add(new)
            heapq.heappush(queue, (-nodes.similarity(other, new), other, new))
    total = len(born)
    # how many regions there are when a region appears and disappears
    steps = np.array([[born[i], died.get(i, total - count)]
                      for i in range(total)])
    left = np.log(count - steps)
    lifetimes = (left[:, 0] - left[:, 1]) / max(np.log(count), 1e-9)
    return RegionTree(nodes.members[:total], nodes.areas[:total], lifetimes)


class _Nodes:
    """What the similarity needs of each region, filled as they are made."""

    def __init__(self, lab: np.ndarray, labels: np.ndarray,
                 capacity: int) -> None:
        count = (capacity + 1) // 2
        self.pixels = labels.size
        self.members = np.zeros((capacity, count), bool)
        self.members[np.arange(count), np.arange(count)] = True
        self.areas = np.zeros(capacity, np.int64)
        self.areas[:count] = np.bincount(labels.ravel(), minlength=count)
        self.colors = _histograms(lab, labels, capacity,
                                  ((0, 100), (-60, 60), (-60, 60)))
        # padded, for images of a single row or column
        padded = np.pad(lab, ((1, 1), (1, 1), (0, 0)), 'edge')
        gradients = np.concatenate(np.gradient(padded, axis=(0, 1)), -1)
        gradients = gradients[1:-1, 1:-1]
        self.textures = _histograms(gradients, labels, capacity,
                                    ((-10, 10), ) * 6)
        # top, left, -bottom, -right: the box of a union is the minimum
        self.boxes = np.full((capacity, 4), labels.size)
        flat = labels.ravel()
        rows, columns = (grid.ravel() for grid in np.indices(labels.shape))
        for i, value in enumerate((rows, columns, -rows, -columns)):
            np.minimum.at(self.boxes[:, i], flat, value)

    def similarity(self, a: int, b: int) -> float:
        color = np.minimum(self.colors[a], self.colors[b]).sum()
        texture = np.minimum(self.textures[a], self.textures[b]).sum()
        area = self.areas[a] + self.areas[b]
        box = np.minimum(self.boxes[a], self.boxes[b])
        extent = (1 - box[2] - box[0]) * (1 - box[3] - box[1])
        size = 1 - area / self.pixels
        fill = 1 - (extent - area) / self.pixels
        return float(color + texture + size + fill)

    def merge(self, a: int, b: int, new: int) -> None:
        areas = self.areas[[a, b]]
        weights = areas / areas.sum()
        self.members[new] = self.members[a] | self.members[b]
        self.areas[new] = areas.sum()
        self.colors[new] = weights @ self.colors[[a, b]]
        self.textures[new] = weights @ self.textures[[a, b]]
        self.boxes[new] = np.minimum(self.boxes[a], self.boxes[b])


def _histograms(values: np.ndarray, labels: np.ndarray, capacity: int,
                ranges: tuple) -> np.ndarray:
    """Normalized histograms of the segments, (capacity, channels * bins)."""
    count = int(labels.max()) + 1
    out = np.zeros((capacity, len(ranges) * _BINS))
    for i, (low, high) in enumerate(ranges):
        index = (values[..., i] - low) * (_BINS / (high - low))
        index = index.clip(0, _BINS - 1).astype(np.int64)
        counts = np.bincount(
            (labels * _BINS + index).ravel(), minlength=count * _BINS)
        out[:count, i * _BINS:(i + 1) * _BINS] = counts.reshape(count, _BINS)
    out[:count] /= out[:count].sum(1, keepdims=True)
    return out


def _adjacent(labels: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of segments that share an edge, the smaller first."""
    pairs = np.concatenate([
        np.stack([labels[:, 1:].ravel(), labels[:, :-1].ravel()], 1),
        np.stack([labels[1:].ravel(), labels[:-1].ravel()], 1)
    ])
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    return [tuple(pair) for pair in np.unique(pairs, axis=0).tolist()]
