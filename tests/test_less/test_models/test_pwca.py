from __future__ import annotations

import pytest
import torch

from mmlangseg.less.models.pwca import PWCA, PooledWordFusion
from mmlangseg.less.models.ragged import RaggedRows

EXPRESSIONS, VOXELS = [1, 3, 2], [7, 4, 9]
SAMPLES = [4, 6, 5, 3, 6, 1]  # words of the six sentences


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(0)
    rows = sum(e * v for e, v in zip(EXPRESSIONS, VOXELS))
    words = torch.randn(6, 6, 12, dtype=torch.float64, generator=random)
    mask = torch.arange(6) < torch.tensor(SAMPLES).unsqueeze(1)
    return (torch.randn(rows, 8, dtype=torch.float64,
                        generator=random), words, mask,
            RaggedRows(EXPRESSIONS, VOXELS))


def unfolded(module: PWCA, x, layout, words, mask):
    """One sample at a time with the attention of PyTorch."""
    out, start = [], 0
    sizes = [v for e, v in zip(EXPRESSIONS, VOXELS) for _ in range(e)]
    projected = module.words(words)
    if not module.mask_padding:
        projected = projected * mask.unsqueeze(-1)
    for s, size in enumerate(sizes):
        query = x[start:start + size].unsqueeze(1)
        keys = projected[s].unsqueeze(1)
        hidden = ~mask[s:s + 1] if module.mask_padding else None
        y = module.attn(query, keys, keys, key_padding_mask=hidden)[0][:, 0]
        y = module.mlp(module.norm(y))
        for _ in range(module.num_tanh):
            y = y.tanh()
        out.append(x[start:start + size] + y)
        start += size
    return torch.cat(out)


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.double()


@pytest.mark.parametrize('mask_padding', [True, False])
@pytest.mark.parametrize('num_tanh', [1, 2])
def test_equals_attention_of_pytorch(data, mask_padding, num_tanh):
    x, words, mask, layout = data
    module = randomise(
        PWCA(8, 12, mask_padding=mask_padding, num_tanh=num_tanh)).eval()
    results = []
    for function in (module, lambda *args: unfolded(module, *args)):
        inputs = [x.clone().requires_grad_(), words.clone().requires_grad_()]
        module.zero_grad()
        out = function(inputs[0], layout, inputs[1], mask)
        out.square().sum().backward()
        results.append([out] + [i.grad for i in inputs] +
                       [p.grad for p in module.parameters()])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_padding_changes_nothing_when_masked(data):
    x, words, mask, layout = data
    module = randomise(PWCA(8, 12)).eval()
    more = torch.nn.functional.pad(words, (0, 0, 0, 5), value=3.)
    more_mask = torch.nn.functional.pad(mask, (0, 5))
    torch.testing.assert_close(
        module(x, layout, words, mask), module(x, layout, more, more_mask))


def test_padding_changes_the_released_variant(data):
    x, words, mask, layout = data
    module = randomise(PWCA(8, 12, mask_padding=False)).eval()
    more = torch.nn.functional.pad(words, (0, 0, 0, 5), value=3.)
    more_mask = torch.nn.functional.pad(mask, (0, 5))
    a, b = module(x, layout, words, mask), module(x, layout, more, more_mask)
    assert (a - b).abs().max() > 1e-3


def test_rows_in_any_order(data):
    x, words, mask, layout = data
    module = randomise(PWCA(8, 12)).eval()
    sizes = [v for e, v in zip(EXPRESSIONS, VOXELS) for _ in range(e)]
    sample = torch.arange(6).repeat_interleave(torch.tensor(sizes))
    shuffle = torch.randperm(
        len(x), generator=torch.Generator().manual_seed(2))
    shuffled = RaggedRows.from_sample_index(sample[shuffle], EXPRESSIONS)
    torch.testing.assert_close(
        module(x[shuffle], shuffled, words, mask),
        module(x, layout, words, mask)[shuffle])
    assert RaggedRows.from_sample_index(sample, EXPRESSIONS) == layout


def test_pooled_fusion(data):
    x, words, mask, layout = data
    module = randomise(PooledWordFusion(8, 12)).eval()
    out = module(x, layout, words, mask)
    projected = module.words(words)
    start = 0
    sizes = [v for e, v in zip(EXPRESSIONS, VOXELS) for _ in range(e)]
    for s, size in enumerate(sizes):
        mean = projected[s, :SAMPLES[s]].mean(0)
        torch.testing.assert_close(out[start:start + size],
                                   x[start:start + size] + mean)
        start += size
