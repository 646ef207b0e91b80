"""Rows of a ragged batch: several expressions on scenes of unequal size."""

from __future__ import annotations
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class RaggedRows:
    """How the rows of a flat (R, C) tensor belong to scenes and expressions.

    A *sample* is one expression on one scene. All samples of a scene have the
    same voxels, so their rows can be viewed as one dense (E, M, C) block.

    Attributes:
        expressions (list[int]): E of each of the B scenes.
        voxels (list[int]): M of each scene (at this level of the network).
        order (Tensor | None): (R,) permutation that sorts the rows by sample;
            None when they are sorted already.
    """

    expressions: list[int]
    voxels: list[int]
    order: Tensor | None = None

    @classmethod
    def from_sample_index(cls, sample: Tensor,
                          expressions: list[int]) -> RaggedRows:
        """Derive the layout from the sample index (R,) of every row."""
        counts = torch.bincount(sample.long(), minlength=sum(expressions))
        first = torch.tensor(expressions).cumsum(0) - torch.tensor(expressions)
        voxels = counts.cpu()[first].tolist()
        if bool((sample[1:] >= sample[:-1]).all()):
            return cls(expressions, voxels)
        return cls(expressions, voxels, torch.argsort(sample, stable=True))

    def split(self, rows: Tensor) -> Iterator[Tensor]:
        """Yield the (E, M, C) block of every scene of ``rows`` (R, C)."""
        if self.order is not None:
            rows = rows[self.order]
        sizes = [e * m for e, m in zip(self.expressions, self.voxels)]
        for block, e in zip(rows.split(sizes), self.expressions):
            yield block.unflatten(0, (e, -1))

    def join(self, blocks: list[Tensor]) -> Tensor:
        """Undo :meth:`split`: (E, M, C) blocks to rows (R, C)."""
        rows = torch.cat([block.flatten(0, 1) for block in blocks])
        if self.order is None:
            return rows
        return torch.empty_like(rows).index_copy(0, self.order, rows)

    def per_scene(self, samples: Tensor) -> tuple[Tensor, ...]:
        """Split per-sample data (S, ...) into B tensors (E, ...)."""
        return samples.split(self.expressions)
