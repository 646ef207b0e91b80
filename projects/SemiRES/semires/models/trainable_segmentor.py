"""What SemiRES asks of the network that its teacher and its student are."""
from __future__ import annotations
from typing import Protocol

from mmseg.structures import SegDataSample
from torch import Tensor


class TrainableSegmentor(Protocol):
    """A network that SemiRES can train: any module with these methods.

    :class:`LAVT` is one. Another one derives from
    :class:`ReferringSegmentor`, which has :meth:`predict` and
    :meth:`encode_decode`, and adds the others.
    """

    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """Score B images (B, 3, H, W) for their sentences: (B, 2, H, W), what
        is not meant and what is, with gradients."""

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (B, 2, H, W) with masks (B, H, W) int64: a scalar."""

    def extract_feat(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> list[Tensor]:
        """Features of the images and their sentences."""

    def predict(self, inputs: Tensor,
                data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Put masks and logits into the data samples."""

    def encode_decode(self, inputs: Tensor,
                      batch_data_samples: list[SegDataSample]) -> Tensor:
        """Logits, by the name that MMSegmentation has for them."""


def require_trainable(network: object) -> None:
    """Refuse a network that SemiRES cannot train.

    Raises:
        TypeError: It lacks methods of :class:`TrainableSegmentor`.
    """
    # not isinstance(): from Python 3.12 on that overlooks submodules
    missing = [
        name for name in vars(TrainableSegmentor)
        if not name.startswith('_') and not hasattr(network, name)
    ]
    if missing:
        raise TypeError(
            f'{type(network).__name__} cannot be the segmentor of SemiRES, '
            f'which needs its methods {", ".join(sorted(missing))}; LAVT has '
            'them, see TrainableSegmentor')
