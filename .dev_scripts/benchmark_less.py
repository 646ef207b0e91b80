"""Benchmarks of LESS; see benchmark.py."""
from __future__ import annotations
from collections.abc import Callable
from functools import partial

import benchmark_less_plain as plain
import spconv.pytorch as spconv
import torch
from benchmark_report import Comparison, Variant
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor

import mmlangseg.less  # noqa: F401  (registers the model)
from mmlangseg.less.models.voxelize import voxelize

VOXEL_SIZE = 0.02  # meters
SENTENCE_WORDS = 20  # 22 tokens


def less_test(points: int, expressions: int, plain_expressions: int,
              text_layers: int) -> list[Comparison]:
    """Inference: all expressions of a scene, and one at a time."""
    scene, texts = room(points), sentences(expressions)
    model = build_model(text_layers).eval()

    @torch.no_grad()
    def run_plain():
        with plain.original_spconv():
            return [
                plain.segment(model, scene, text)[0]
                for text in texts[:plain_expressions]
            ]

    @torch.no_grad()
    def run_ours():
        sample = model.test_step(batch(scene, texts))[0]
        return list(sample.pred_instances_3d.logits)

    voxels = len(voxelize(scene, VOXEL_SIZE).counts)
    return [
        Comparison(
            f'test {expressions} expressions of a scene of {voxels} voxels',
            'expression', [
                Variant('plain, one at a time', run_plain,
                        min(plain_expressions, expressions), True),
                Variant('ours', run_ours, expressions)
            ], 1e-3)
    ]


def less_step(points: int, expressions: int,
              text_layers: int) -> list[Comparison]:
    """Training steps with one expression, and with several of a scene."""
    scene, texts = room(points), sentences(expressions)
    masks = torch.stack(
        [nearest(scene, points // 30, i) for i in range(len(texts))])
    model = build_model(text_layers).train()
    # The released loss clips the logarithm of a saturated sigmoid; random
    # weights would saturate it.
    model.decoder.mask_out.weight.data.mul_(0.1)
    # Does all the work of a step and leaves the weights as they are, so that
    # the variants stay comparable.
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.)

    def step(loss: Tensor) -> list[Tensor]:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.detach()]  # parity.py compares the gradients

    def ours(chosen: slice) -> list[Tensor]:
        data = batch(scene, texts[chosen], masks[chosen])
        data = model.data_preprocessor(data, True)
        return step(sum(model(**data, mode='loss').values()))

    def run_plain():
        with plain.original_spconv():
            logits, features = plain.segment(model, scene, texts[0])
            return step(plain.losses(logits, features, masks[0]))

    def run_single():
        return [ours(slice(i, i + 1)) for i in range(expressions)][0]

    def run_together():  # another batch for BatchNorm: another output
        ours(slice(None))

    return [
        Comparison('training step', 'expression', [
            Variant('plain, one expression', run_plain, 1, True),
            Variant('ours, one expression', run_single, expressions),
            Variant(f'ours, {expressions} expressions', run_together,
                    expressions)
        ], 1e-2)
    ]


def less_qmp(points: int, queries: int) -> list[Comparison]:
    """Query mask predictor, with and without the backward pass."""
    decoder = MODELS.build(dict(type='mmdet3d.QMP', num_queries=queries))
    features = torch.randn(points, 32)
    counts = torch.ones(points)

    def run_plain(x: Tensor) -> list[Tensor]:
        return list(plain.query_masks(decoder, x))

    def run_ours(x: Tensor) -> list[Tensor]:
        found = decoder(x.unsqueeze(0), counts)
        return [found.queries[0], found.logits[0]]

    return forward_and_backward(f'{queries} queries on {points} points',
                                run_plain, run_ours, features, decoder)


def less_contrast(points: int, positives: int) -> list[Comparison]:
    """Point-to-point contrastive loss, forward and backward."""
    features = torch.randn(points, 32)
    mask = torch.arange(points) < positives
    loss = MODELS.build(dict(type='mmdet3d.PointContrast', loss_weight=1.))

    def run_plain(x: Tensor) -> list[Tensor]:
        return [plain.contrast(x, mask)]

    def run_ours(x: Tensor) -> list[Tensor]:
        rows = mask.float().unsqueeze(0)
        return [loss([], [x.unsqueeze(0)], [rows], [1 - rows])]

    return forward_and_backward(f'{positives} of {points} points', run_plain,
                                run_ours, features, loss)


def less_spconv(points: int) -> list[Comparison]:
    """The ten kinds of submanifold convolution of the U-Net."""
    coordinates = voxelize(room(points), VOXEL_SIZE).coordinates
    convs, inputs = torch.nn.ModuleList(), []
    for channels in (32, 64, 96, 128, 160):
        indices = torch.nn.functional.pad(coordinates, (1, 0))
        shape = [int(side) + 1 for side in coordinates.amax(0)]
        x = spconv.SparseConvTensor(
            torch.randn(len(indices), channels), indices, shape, 1)
        convs.append(
            spconv.SubMConv3d(
                channels, channels, 3, padding=1, bias=False, indice_key='s'))
        with torch.no_grad():
            convs[-1](x)  # makes the index table
        inputs.append(x)
        coordinates = torch.unique(coordinates // 2, dim=0)
    start = torch.ones(())

    def run(scale: Tensor) -> list[Tensor]:
        return [
            conv(x.replace_feature(x.features * scale)).features
            for conv, x in zip(convs, inputs)
        ]

    rows = ', '.join(str(len(x.indices)) for x in inputs)
    return forward_and_backward(f'convolutions on {rows} voxels', run, run,
                                start, convs)


def forward_and_backward(title: str, run_plain: Callable, run_ours: Callable,
                         x: Tensor,
                         module: torch.nn.Module) -> list[Comparison]:
    """Compare two functions of ``x``, and their gradients."""

    def gradients(run: Callable) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        module.zero_grad()
        out = run(leaf)
        sum(o.square().sum() for o in out).backward()
        return [o.detach()
                for o in out] + [p.grad for p in (leaf, *module.parameters())]

    @torch.no_grad()
    def outputs(run: Callable) -> list[Tensor]:
        return run(x)

    def original(measure: Callable) -> list[Tensor]:
        with plain.original_spconv():
            return measure(run_plain)

    return [
        Comparison(f'{title}: {name}', 'call', [
            Variant('plain', partial(original, measure), plain=True),
            Variant('ours', partial(measure, run_ours))
        ], 1e-4) for name, measure in (('forward', outputs),
                                       ('forward and backward', gradients))
    ]


def build_model(text_layers: int) -> torch.nn.Module:
    """LESS as recommended, text encoder included, without dropout (so that
    the variants are comparable) and with random weights."""
    init_default_scope('mmdet3d')
    model = MODELS.build(
        dict(
            type='LESS',
            data_preprocessor=dict(
                type='LESSDataPreprocessor', voxel_size=VOXEL_SIZE),
            text_encoder=dict(
                type='HuggingFaceTextEncoder',
                config=dict(
                    model_type='roberta',
                    vocab_size=50265,
                    max_position_embeddings=514,
                    num_hidden_layers=text_layers,
                    hidden_dropout_prob=0.,
                    attention_probs_dropout_prob=0.)),
            backbone=dict(
                type='LESSUNet', fusion=dict(type='PWCA', dropout=0.)),
            decoder=dict(type='QMP'),
            aggregator=dict(type='QSA', dropout=0.),
            losses=dict(
                seg=dict(type='WeightedBCE'),
                area=dict(type='AreaRegularization'),
                p2p=dict(type='PointContrast'))))
    model.text_encoder._tokenizer = tokenize
    return model


def tokenize(texts: list[str], **options) -> dict[str, Tensor]:
    """Stand-in for a tokenizer: words are numbers."""
    ids = torch.tensor([[0, *map(int, t.split()), 2] for t in texts])
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids))


def sentences(count: int) -> list[str]:
    """Sentences of equal length, as numbers of words."""
    words = torch.randint(10, 50000, (count, SENTENCE_WORDS))
    return [' '.join(map(str, row)) for row in words.tolist()]


def batch(scene: Tensor,
          texts: list[str],
          masks: Tensor | None = None) -> dict:
    """A collated batch of one scene."""
    sample = Det3DDataSample(
        metainfo=dict(expressions=[dict(text=text) for text in texts]))
    if masks is not None:
        sample.gt_instances_3d = InstanceData(masks=masks)
    return dict(inputs=dict(points=[scene]), data_samples=[sample])


def room(points: int) -> Tensor:
    """Surfaces of a furnished room of 6 x 5 x 3 m with 3 mm noise.

    Returns:
        Tensor: (N, 6), positions in meters and colors.
    """
    low = torch.rand(25, 3) * torch.tensor([5., 4., 0.])
    size = 0.3 + 1.2 * torch.rand(25, 3)
    low = torch.cat([torch.zeros(1, 3), low])
    size = torch.cat([torch.tensor([[6., 5., 3.]]), size])
    # Faces of all boxes: constant axis and side, except the ceiling.
    box, axis, side = torch.meshgrid(
        torch.arange(26), torch.arange(3), torch.arange(2), indexing='ij')
    box, axis, side = (
        i.flatten()[torch.arange(156) != 5] for i in (box, axis, side))
    rows = torch.arange(155)
    flat = size[box].clone()
    flat[rows, axis] = 1.
    face = torch.multinomial(flat.prod(1), points, replacement=True)
    place = torch.rand(points, 3)
    place[torch.arange(points), axis[face]] = side[face].float()
    xyz = low[box[face]] + place * size[box[face]]
    xyz += 0.003 * torch.randn(points, 3)
    return torch.cat([xyz, torch.rand(points, 3) - 0.5], 1)


def nearest(scene: Tensor, count: int, seed: int) -> Tensor:
    """Mask (N,) of the points nearest to some point of the scene."""
    center = scene[seed * len(scene) // 100, :3]
    distance = (scene[:, :3] - center).norm(dim=1)
    mask = torch.zeros(len(scene), dtype=torch.bool)
    mask[distance.topk(count, largest=False).indices] = True
    return mask
