from __future__ import annotations

from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class QSA(BaseModule):
    """Query-sentence alignment (Sec. 3.4, Eq. 5).

    ``R = softmax_K(Q s)`` with s the projected sentence vector.

    Args:
        sentence_channels (int): Channels of the text encoder.
        embed_dims (int): Channels D of a query.
        dropout (float): Dropout of the sentence projection.
    """

    def __init__(self,
                 sentence_channels: int = 768,
                 embed_dims: int = 256,
                 dropout: float = 0.15) -> None:
        super().__init__()
        self.sentence = nn.Sequential(
            nn.Linear(sentence_channels, sentence_channels), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(sentence_channels, embed_dims))

    def forward(self, queries: Tensor, sentences: Tensor) -> Tensor:
        """Weigh queries (S, K, D) by sentences (S, C_text): (S, K)."""
        sentences = self.sentence(sentences).to(queries.dtype)
        # A sum of products, not a matrix product, which autocast would round.
        scores = (queries * sentences.unsqueeze(1)).sum(-1)
        return scores.softmax(-1)


@MODELS.register_module()
class QueryScoreMLP(BaseModule):
    """Weighs queries without the sentence: the ablation "no QSA" (Table 2).

    Args:
        embed_dims (int): Channels D of a query.
        sentence_channels (int): Unused by the computation; accepted so that
            the two modules can be exchanged in a config.
    """

    def __init__(self,
                 embed_dims: int = 256,
                 sentence_channels: int = 768) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, embed_dims), nn.ReLU(),
            nn.Linear(embed_dims, 1))

    def forward(self, queries: Tensor, sentences: Tensor) -> Tensor:
        """As :meth:`QSA.forward`."""
        scores = self.mlp(queries).squeeze(-1).to(queries.dtype)
        return scores.softmax(-1)
