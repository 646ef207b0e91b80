"""Our index tables of sparse convolutions: spconv's on small grids, and right
where its int32 is too small."""
from __future__ import annotations

import pytest
import spconv.pytorch as spconv
import spconv.pytorch.ops as ops
import torch
from spconv.core import ConvAlgo

from mmlangseg.cpu.sparse_conv import repair_spconv_cpu
from mmlangseg.cpu.sparse_tables import (convolution_table, exceeds_int32,
                                         submanifold_table)

LARGE = [5008, 2512, 1008]  # 100 x 50 x 20 m at 2 cm
# Coordinates whose number in this grid is 2^32, so 0 in an int32
WRAPPED = [1696, 528, 256]
CHANNELS = 4

repair_spconv_cpu()


def voxels(shape, batch=1, share=0.2, seed=0):
    """Indices (N, 4) in random order."""
    random = torch.Generator().manual_seed(seed)
    dense = torch.rand(batch, *shape, generator=random) < share
    indices = dense.nonzero().int()
    return indices[torch.randperm(len(indices), generator=random)]


def spconv_table(indices, batch, shape, subm, transposed, *, ksize, stride,
                 padding, dilation, out_padding):
    return ops.get_indice_pairs(indices, batch, shape, ConvAlgo.Native, ksize,
                                stride, padding, dilation, out_padding, subm,
                                transposed)


@pytest.mark.parametrize('ksize, dilation', [
    ([3, 3, 3], [1, 1, 1]),
    ([3, 1, 5], [2, 1, 1]),
])
def test_submanifold_table_is_that_of_spconv(ksize, dilation):
    shape, batch = [9, 7, 11], 2
    indices = voxels(shape, batch)
    _, pairs, counts = spconv_table(
        indices,
        batch,
        shape,
        True,
        False,
        ksize=ksize,
        stride=[1] * 3,
        padding=[0] * 3,
        dilation=dilation,
        out_padding=[0] * 3)
    ours = submanifold_table(indices, batch, shape, ksize, dilation)
    assert counts.any()
    assert torch.equal(ours[0], pairs) and torch.equal(ours[1], counts)


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize('options', [
    dict(ksize=[2, 2, 2], stride=[2, 2, 2], padding=[0] * 3, dilation=[1] * 3),
    dict(
        ksize=[3, 3, 2],
        stride=[2, 1, 2],
        padding=[1, 0, 1],
        dilation=[1, 2, 1]),
])
def test_table_of_a_convolution_is_that_of_spconv(options, transposed):
    shape, batch = [9, 7, 11], 2
    indices, zero = voxels(shape, batch), [0] * 3
    size = ops.get_deconv_output_size if transposed else \
        ops.get_conv_output_size
    out_shape = size(shape, *options.values(), *[zero] * transposed)
    expected = spconv_table(
        indices, batch, shape, False, transposed, **options, out_padding=zero)
    found = convolution_table(
        indices, batch, out_shape, **options, transposed=transposed)
    assert expected[2].any()
    for ours, theirs in zip(found, expected):
        assert torch.equal(ours, theirs)


def test_what_int32_can_number():
    assert not exceeds_int32(1, [2048, 1024, 1023])
    assert exceeds_int32(1, [2048, 1024, 1024])
    assert exceeds_int32(2, [2048, 1024, 512])  # samples count as well


def two_levels() -> list:
    """Submanifold, strided and inverse convolutions, as in a U-Net."""
    torch.manual_seed(0)
    options = dict(bias=False)
    layers = [
        spconv.SubMConv3d(CHANNELS, CHANNELS, 3, indice_key='a', **options),
        spconv.SparseConv3d(
            CHANNELS, CHANNELS, 2, stride=2, indice_key='b', **options),
        spconv.SubMConv3d(CHANNELS, CHANNELS, 3, indice_key='c', **options),
        spconv.SparseInverseConv3d(
            CHANNELS, CHANNELS, 2, indice_key='b', **options),
    ]
    return [layer.double() for layer in layers]


def run(indices, features, shape, batch=1):
    x = spconv.SparseConvTensor(features, indices, shape, batch)
    with torch.no_grad():
        for layer in two_levels():
            x = layer(x)
    return x.features


@pytest.mark.parametrize('as_batch', [False, True])
def test_voxels_far_apart_are_no_neighbors(as_batch):
    """Features of two blocks in a hall are those of each alone."""
    block = voxels([20, 20, 20])
    shape, far = LARGE, torch.tensor([0, *WRAPPED])
    if as_batch:  # every grid fits, the batch does not
        shape, far = [1024, 1024, 1024], torch.tensor([4, 0, 0, 0])
    features = torch.randn(2, len(block), CHANNELS, dtype=torch.float64)
    alone = [run(block, f, [32] * 3) for f in features]
    both = run(
        torch.cat([block, (block + far).int()]), features.flatten(0, 1), shape,
        int(far[0]) + 1)
    assert alone[0].abs().amin(1).median() > 0
    torch.testing.assert_close(both, torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_gradients_in_a_hall():
    block = voxels([20, 20, 20])
    hall = torch.cat([block, (block + torch.tensor([0, *WRAPPED])).int()])
    layer, grads = two_levels()[0], []
    for indices, shape in ((block, [32] * 3), (hall, LARGE)):
        x = torch.ones(len(indices), CHANNELS).double().requires_grad_()
        out = layer(spconv.SparseConvTensor(x, indices, shape, 1)).features
        (out[:len(block)]**2).sum().backward()
        grads.append(x.grad)
    torch.testing.assert_close(grads[1][:len(block)], grads[0])
    assert not grads[1][len(block):].any()


def test_more_voxels_than_int64_can_number():
    indices = torch.zeros(1, 4, dtype=torch.int32)
    with pytest.raises(ValueError, match='far away .* larger voxels'):
        submanifold_table(indices, 1, [2**22] * 3, [3] * 3, [1] * 3)
