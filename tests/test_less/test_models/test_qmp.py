from __future__ import annotations

import pytest
import torch

from mmlangseg.less.models.qmp import QMP


def unfolded(module: QMP, features, counts):
    """Keys and values of all points, with the attention of PyTorch."""
    points = features.repeat_interleave(counts.long(), 1)  # (E, N, C)
    keys = module.input_norm(module.input_proj(points)).relu()
    masks = module.mask_out(module.mask_hidden(points))
    queries = module.out_norm(module.query.weight)
    queries = queries.expand(len(features), -1, -1)
    logits = initial = queries @ masks.transpose(1, 2)
    for layer in module.layers:
        blocked = logits.detach().sigmoid() < 0.5
        blocked[blocked.all(-1)] = False
        heads = layer.cross_attn.num_heads
        queries = layer.cross_norm(queries + layer.cross_attn(
            queries, keys, keys, attn_mask=blocked.repeat_interleave(heads, 0))
                                   [0])
        queries = layer.self_norm(
            queries + layer.self_attn(queries, queries, queries)[0])
        queries = layer.ffn_norm(queries + layer.ffn(queries))
        queries = module.out_norm(queries)
        logits = queries @ masks.transpose(1, 2)
    return queries, logits, initial


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 40, 8, dtype=torch.float64, generator=random)
    return features, torch.randint(1, 5, (40, ), generator=random).float()


def make(**settings) -> QMP:
    torch.manual_seed(1)
    module = QMP(
        in_channels=8,
        embed_dims=16,
        num_queries=6,
        feedforward_channels=24,
        **settings)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return module.double()


@pytest.mark.parametrize('settings', [
    dict(),
    dict(cross_attn_norm=False),
    dict(num_heads=4),
    dict(num_layers=3, num_heads=2),
])
def test_equals_materialised_points(data, settings):
    features, counts = data
    module = make(**settings)
    results = []
    for folded in (True, False):
        x = features.clone().requires_grad_()
        module.zero_grad()
        if folded:
            found = module(x, counts)
            out = (found.queries, found.logits, found.initial_logits)
            # gradients of voxels count as often as they have points
            weight = counts
            compared = [out[0]] + [
                o.repeat_interleave(counts.long(), 2) for o in out[1:]
            ]
        else:
            out = unfolded(module, x, counts)
            weight = torch.ones(())
            compared = list(out)
        (out[0].square().sum() + (out[1].tanh() * weight).sum() +
         (out[2].tanh() * weight).sum()).backward()
        results.append(compared + [x.grad] +
                       [p.grad for p in module.parameters()])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize('rows', [1, 15, 50])
def test_chunks_change_nothing(data, rows, monkeypatch):
    features, counts = data
    module = make(num_heads=2)
    whole = module(features, counts)
    monkeypatch.setattr('mmlangseg.cpu.chunks._CPU_ROWS', rows)
    with torch.no_grad():
        made_again = module(features, counts)
    kept = module(features, counts)
    for a, b, c in zip(*(vars(x).values() for x in (whole, made_again, kept))):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(a, c)


def test_masks_block_some_points_but_not_all(data):
    """The two properties that make the comparison above a test of masking."""
    features, counts = data
    with torch.no_grad():
        found = make()(features, counts)
    share = (found.initial_logits < 0).double().mean(-1)
    assert ((share > 0) & (share < 1)).any()


def test_a_query_with_an_empty_mask_attends_to_all_points(data):
    features, counts = data
    module = make()
    with torch.no_grad():
        first = module.out_norm(module.query.weight)[0]
        module.mask_out.bias.copy_(-100 * first)
        found = module(features, counts)
        assert (found.initial_logits[:, 0] < 0).all()
        expected = unfolded(module, features, counts)
    assert found.logits.isfinite().all()
    torch.testing.assert_close(found.queries, expected[0])


def test_float32_under_autocast(data):
    features, counts = data
    module = make().float()
    exact = module(features.float(), counts)
    with torch.autocast('cpu', torch.bfloat16):
        found = module(features.bfloat16(), counts)
        assert found.logits.dtype == torch.float32
        same = module(features.float(), counts)
    assert torch.equal(same.logits, exact.logits)
