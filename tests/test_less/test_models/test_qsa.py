from __future__ import annotations

import torch

from mmlangseg.less.models.qsa import QSA, QueryScoreMLP


def test_softmax_of_products():
    torch.manual_seed(0)
    module = QSA(sentence_channels=12, embed_dims=8).eval()
    queries, sentences = torch.randn(3, 5, 8), torch.randn(3, 12)
    weights = module(queries, sentences)
    assert weights.shape == (3, 5)
    for s in range(3):
        projected = module.sentence(sentences[s])
        expected = torch.softmax(queries[s] @ projected, 0)
        torch.testing.assert_close(weights[s], expected)


def test_weights_keep_their_precision_under_autocast():
    torch.manual_seed(0)
    module = QSA(sentence_channels=12, embed_dims=8).eval()
    # Scores of several tens, where bfloat16 would round by a few tenths.
    queries, sentences = 30 * torch.randn(3, 5, 8), torch.randn(3, 12)
    with torch.autocast('cpu', torch.bfloat16):
        projected = module.sentence(sentences).float()
        weights = module(queries, sentences)
    expected = torch.einsum('skd,sd->sk', queries, projected).softmax(-1)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_scores_without_the_sentence():
    torch.manual_seed(0)
    module = QueryScoreMLP(embed_dims=8, sentence_channels=12)
    queries = torch.randn(3, 5, 8)
    weights = module(queries, torch.randn(3, 12))
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    assert torch.equal(weights, module(queries, torch.randn(3, 12)))
    with torch.autocast('cpu', torch.bfloat16):
        half = module(queries, torch.randn(3, 12))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, weights, rtol=0.05, atol=0)
    # rounded before the softmax, not after it
    torch.testing.assert_close(half.sum(1), torch.ones(3))
