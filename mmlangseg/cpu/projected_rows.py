from __future__ import annotations
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from .chunks import rows_at_once


class ProjectedRows:
    """Rows computed from features, to be multiplied by few queries.

    The (M, D) rows of a scan's voxels are by far the largest tensors of a
    decoder: on the CPU, writing them to memory and reading them takes longer
    than making them. There they are made a chunk at a time, used while in the
    cache, and made again when needed again; only a backward pass, which needs
    them, keeps them. On a GPU there is one chunk.

    Args:
        features (Tensor): (E, M, C), of E sentences.
        project (Callable): Makes rows (E, m, D) of features (E, m, C).
    """

    def __init__(self, features: Tensor, project: Callable[[Tensor],
                                                           Tensor]) -> None:
        sentences, rows = features.shape[:2]
        self.size = rows_at_once(features.device, rows, sentences)
        self.features = features.split(self.size, dim=1)
        self.project = project
        self.kept = None
        if torch.is_grad_enabled() or len(self.features) == 1:
            self.kept = [project(chunk) for chunk in self.features]

    def products(self, queries: Tensor) -> Tensor:
        """Product of queries (E, R, D) with every row: (E, R, M)."""
        queries = queries.transpose(1, 2)
        return torch.cat([rows @ queries for rows in self._rows()],
                         dim=1).transpose(1, 2)

    def weighted_sum(self, weights: Tensor) -> Tensor:
        """Sum of all rows with weights (E, R, M): (E, R, D)."""
        parts = weights.split(self.size, dim=2)
        return sum(part @ rows for part, rows in zip(parts, self._rows()))

    def _rows(self) -> Iterable[Tensor]:
        """The chunks (E, m, D) of all rows."""
        return self.kept or map(self.project, self.features)
