"""The repair of spconv on the CPU, against dense convolutions."""
from __future__ import annotations
import threading
from types import SimpleNamespace

import pytest
import spconv.pytorch as spconv
import spconv.pytorch.ops as ops
import torch
from torch.nn.functional import conv3d, conv_transpose3d

from mmlangseg.cpu import chunks, sparse_conv
from mmlangseg.cpu.sparse_conv import repair_spconv_cpu

SIDE, BATCH, IN, OUT = 16, 2, 5, 7

repair_spconv_cpu()


@pytest.fixture(params=[1, 2], ids=['1thread', '2threads'])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[True, False], ids=['sorted', 'shuffled'])
def voxels(request):
    """Indices (R, 4), about a third of the grid."""
    random = torch.Generator().manual_seed(0)
    dense = torch.rand(BATCH, SIDE, SIDE, SIDE, generator=random) < 0.3
    indices = dense.nonzero().int().contiguous()  # spconv takes its memory
    if not request.param:
        indices = indices[torch.randperm(len(indices), generator=random)]
    return indices


def to_dense(features, indices, side=SIDE):
    """(R, C) to (B, C, side, side, side)."""
    b, x, y, z = indices.long().unbind(1)
    out = features.new_zeros(BATCH, side, side, side, features.shape[1])
    return out.index_put((b, x, y, z), features).permute(0, 4, 1, 2, 3)


def at(dense, indices):
    b, x, y, z = indices.long().unbind(1)
    return dense.permute(0, 2, 3, 4, 1)[b, x, y, z]


def dense_weight(layer):
    """(out, k, k, k, in) to (out, in, k, k, k)."""
    return layer.weight.permute(0, 4, 1, 2, 3)


def compare(layers, dense, indices, dtype=torch.float64, tolerance=1e-12):
    """Outputs and gradients of sparse layers and of a dense function."""
    torch.manual_seed(1)
    for layer in layers:
        torch.nn.init.normal_(layer.weight)
        layer.to(dtype)
    features = torch.randn(len(indices), IN, dtype=dtype)
    results = []
    for sparse in (True, False):
        x = features.clone().requires_grad_()
        for layer in layers:
            layer.zero_grad()
        if sparse:
            out = spconv.SparseConvTensor(x, indices, [SIDE] * 3, BATCH)
            for layer in layers:
                out = layer(out)
            rows, where = out.features, out.indices
        else:
            rows = at(dense(to_dense(x, indices)), where)
        torch.manual_seed(2)
        (rows * torch.randn_like(rows)).sum().backward()
        results.append([rows, x.grad] +
                       [layer.weight.grad for layer in layers])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    return where


def test_submanifold(voxels, threads):
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=False)
    where = compare([layer],
                    lambda x: conv3d(x, dense_weight(layer), padding=1),
                    voxels)
    assert torch.equal(where, voxels)


def test_kernel_of_one_voxel(voxels):
    """spconv reads such a kernel, stored as (out, 1, 1, 1, in), as (in, out);
    the checkpoints of the field rely on it."""
    layer = spconv.SubMConv3d(IN, OUT, 1, bias=False)
    compare([layer], lambda x: torch.einsum('bcxyz,cd->bdxyz', x,
                                            layer.weight.view(IN, OUT)),
            voxels)


def test_strided(voxels, threads):
    layer = spconv.SparseConv3d(IN, OUT, 2, stride=2, bias=False)
    where = compare([layer],
                    lambda x: conv3d(x, dense_weight(layer), stride=2), voxels)
    coarse = torch.cat([voxels[:, :1], voxels[:, 1:] // 2], 1)
    assert set(map(tuple, where.tolist())) == set(map(tuple, coarse.tolist()))


def test_inverse(voxels, threads):
    down = spconv.SparseConv3d(
        IN, OUT, 2, stride=2, bias=False, indice_key='k')
    up = spconv.SparseInverseConv3d(OUT, IN, 2, bias=False, indice_key='k')

    def dense(x):
        x = conv3d(x, dense_weight(down), stride=2)
        weight = up.weight.permute(4, 0, 1, 2, 3)  # (in, out, k, k, k)
        return conv_transpose3d(x, weight, stride=2)

    where = compare([down, up], dense, voxels, tolerance=1e-11)
    assert torch.equal(where, voxels)


def test_float32(voxels, threads):
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=False)
    compare([layer],
            lambda x: conv3d(x, dense_weight(layer), padding=1),
            voxels,
            dtype=torch.float32,
            tolerance=1e-3)


def test_bfloat16_sums_in_float32(voxels, threads):
    torch.manual_seed(0)
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=False)
    layer.to(torch.bfloat16)
    x = torch.randn(len(voxels), IN, dtype=torch.bfloat16)
    out = layer(spconv.SparseConvTensor(x, voxels, [SIDE] * 3, BATCH)).features
    assert out.dtype == torch.bfloat16
    weight = dense_weight(layer).double()
    exact = at(conv3d(to_dense(x.double(), voxels), weight, padding=1), voxels)
    # every product is rounded once, their sum once more
    torch.testing.assert_close(out.double(), exact, rtol=1e-2, atol=2e-2)


def test_autocast_backward(voxels, threads):
    torch.manual_seed(0)
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=False)
    x = torch.randn(len(voxels), IN, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        out = layer(spconv.SparseConvTensor(x, voxels, [SIDE] * 3,
                                            BATCH)).features
    out.float().sum().backward()
    assert x.grad.dtype == torch.float32
    assert layer.weight.grad.dtype == torch.float32
    assert x.grad.isfinite().all() and x.grad.any()


@pytest.mark.parametrize('onednn', [True, False])
def test_products_by_either_library(voxels, threads, monkeypatch, onednn):
    """oneDNN's steps are of one length; its choice depends on the machine."""
    monkeypatch.setattr('mmlangseg.cpu.onednn._has_onednn_linear',
                        lambda: onednn)
    monkeypatch.setattr(chunks, 'ONEDNN_ROWS', 64)
    monkeypatch.setattr(chunks, 'ONEDNN_MIN_CHANNELS', IN)
    monkeypatch.setattr(chunks, 'ONEDNN_MIN_PRODUCTS', 0)
    monkeypatch.setattr(chunks, 'SPARSE_STEP_BYTES', 64 * 4 * OUT)
    steps = []
    product = sparse_conv._StepPlan.product

    def counted(self, *args):
        steps.append(self.onednn)
        return product(self, *args)

    monkeypatch.setattr(sparse_conv._StepPlan, 'product', counted)
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=False)
    compare([layer],
            lambda x: conv3d(x, dense_weight(layer), padding=1),
            voxels,
            dtype=torch.float32,
            tolerance=1e-3)
    assert set(steps) == {onednn} and len(steps) > 100


def test_steps_are_kept_with_the_table(voxels):
    down = spconv.SparseConv3d(
        IN, OUT, 2, stride=2, bias=False, indice_key='k')
    up = spconv.SparseInverseConv3d(OUT, IN, 2, bias=False, indice_key='k')
    x = spconv.SparseConvTensor(
        torch.randn(len(voxels), IN), voxels, [SIDE] * 3, BATCH)
    with torch.no_grad():
        low = down(x)
        first = up(low).features
        table = low.indice_dict['k'].indice_pairs
        kept = dict(table._mmlangseg_steps)
        assert len(kept) == 2  # one way and the other
        assert torch.equal(up(low).features, first)
    assert all(table._mmlangseg_steps[key] is kept[key] for key in kept)


def test_many_voxels_do_not_depend_on_threads():
    """Large enough for the race in spconv to show, and for several steps."""
    random = torch.Generator().manual_seed(0)
    indices = torch.unique(
        torch.randint(0, 30, (15000, 3), generator=random), dim=0).int()
    indices = torch.nn.functional.pad(indices, (1, 0))
    layer = spconv.SubMConv3d(32, 32, 3, padding=1, bias=False).double()
    torch.manual_seed(1)
    torch.nn.init.normal_(layer.weight)
    outputs, before = [], torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            torch.manual_seed(2)
            x = torch.randn(len(indices), 32, dtype=torch.float64)
            x.requires_grad_()
            layer.zero_grad()
            out = layer(spconv.SparseConvTensor(x, indices, [30] * 3, 1))
            out.features.square().sum().backward()
            outputs.append([out.features, x.grad, layer.weight.grad])
    finally:
        torch.set_num_threads(before)
    for a, b in zip(*outputs):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-7)


def test_no_bias(voxels):
    layer = spconv.SubMConv3d(IN, OUT, 3, padding=1, bias=True).eval()
    x = spconv.SparseConvTensor(
        torch.randn(len(voxels), IN), voxels, [SIDE] * 3, BATCH)
    with torch.no_grad(), pytest.raises(NotImplementedError, match='bias'):
        layer(x)


def test_repair_happens_once_and_leaves_cuda_alone():
    first = ops.indice_conv
    repair_spconv_cpu()
    assert ops.indice_conv is first
    dispatch = sparse_conv._for_cpu(lambda x: 'original', lambda x: 'ours')
    assert dispatch(SimpleNamespace(is_cuda=True)) == 'original'
    assert dispatch(SimpleNamespace(is_cuda=False)) == 'ours'


def test_layers_made_for_cuda_work_on_the_cpu(voxels):
    """A spconv that is built for CUDA gives them an algorithm of CUDA."""
    from spconv.core import ConvAlgo
    outputs = []
    for algo in (ConvAlgo.Native, ConvAlgo.MaskImplicitGemm):
        torch.manual_seed(0)
        layers = spconv.SparseSequential(
            spconv.SubMConv3d(IN, OUT, 3, bias=False, indice_key='a'),
            spconv.SparseConv3d(OUT, IN, 2, 2, bias=False, indice_key='b'),
            spconv.SparseInverseConv3d(IN, OUT, 2, bias=False, indice_key='b'))
        for layer in layers:
            layer.algo = algo
        features = torch.randn(len(voxels), IN, requires_grad=True)
        out = layers(
            spconv.SparseConvTensor(features, voxels, [SIDE] * 3, BATCH))
        out.features.sum().backward()
        outputs.append((out.features, features.grad))
        assert [layer.algo for layer in layers] == [algo] * 3
    torch.testing.assert_close(*outputs)


def test_threads_share_layers_made_for_cuda():
    """One that ends does not give the other the algorithm of CUDA."""
    from spconv.core import ConvAlgo
    second_is_in = threading.Event()

    def conv_forward(layer, training, x):
        if threading.current_thread() is first:
            second_is_in.wait(10)
        else:
            second_is_in.set()
            first.join(10)
            found.append(layer.algo)

    forward = sparse_conv._natively(conv_forward)
    layer = spconv.SubMConv3d(IN, OUT, 3, bias=False)
    layer.algo = ConvAlgo.MaskImplicitGemm
    x = SimpleNamespace(features=torch.zeros(1))
    found: list = []
    first = threading.Thread(target=forward, args=(layer, False, x))
    first.start()
    forward(layer, False, x)
    assert found == [ConvAlgo.Native]
    assert layer.algo == ConvAlgo.MaskImplicitGemm
