from __future__ import annotations
from copy import deepcopy

import pytest
import torch
from less_model import build, model_config, run, scene
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.runner.checkpoint import get_state_dict

from mmlangseg.cpu.chunks import sentences_at_once

TEXT_CASES = [
    dict(),
    dict(backbone=dict(type='LESSUNet', channels=[8, 12], fusion=None)),
    dict(
        backbone=dict(
            type='LESSUNet',
            channels=[8, 12],
            fusion=dict(type='PooledWordFusion'))),
    dict(aggregator=dict(type='QueryScoreMLP')),
]


def parameters_without_gradient(model) -> list[str]:
    return [
        name for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]


@pytest.mark.parametrize('changes', TEXT_CASES[:1] + TEXT_CASES[2:])
def test_every_parameter_learns(tmp_path, changes):
    model = build(model_config(tmp_path, **changes)).train()
    losses = run(model, [scene(seed=1), scene(200, 3, seed=2)], 'loss')
    assert set(losses) == {'loss_seg', 'loss_area', 'loss_p2p'}
    sum(losses.values()).backward()
    if 'aggregator' not in changes:
        assert parameters_without_gradient(model) == []
    for parameter in model.parameters():
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all()


def test_empty_masks_leave_no_parameter_unused(tmp_path):
    # DistributedDataParallel stops at parameters outside the graph.
    model = build(model_config(tmp_path)).train()
    losses = run(model, [scene(seed=1, empty=True),
                         scene(seed=2, empty=True)], 'loss')
    assert losses['loss_p2p'] == 0
    sum(losses.values()).backward()
    assert parameters_without_gradient(model) == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_equal_losses_under_a_seed(tmp_path):
    values = []
    for _ in range(2):
        model = build(model_config(tmp_path), seed=3).train()
        torch.manual_seed(4)  # dropout
        values.append(run(model, [scene(expressions=2)], 'loss'))
    assert values[0] == values[1]


def test_prediction(tmp_path):
    model = build(model_config(tmp_path)).eval()
    scenes = [scene(150, 2, seed=1), scene(90, 1, seed=2)]
    with torch.no_grad():
        samples = run(model, scenes, 'predict')
    for (points, _), sample, count in zip(scenes, samples, (2, 1)):
        found = sample.pred_instances_3d
        assert found.logits.shape == (count, len(points))
        assert torch.equal(found.masks, found.logits > 0)
        for mask, logits, score in zip(found.masks, found.logits,
                                       found.scores):
            expected = logits[mask].sigmoid().mean() if mask.any() else 0.
            assert float(score) == pytest.approx(float(expected), abs=1e-6)


def test_score_of_an_empty_mask(tmp_path):
    model = build(model_config(tmp_path)).eval()
    with torch.no_grad():
        for parameter in model.decoder.mask_out.parameters():
            parameter.zero_()  # all logits 0: nothing is above one half
        sample = run(model, [scene()], 'predict')[0]
    assert not sample.pred_instances_3d.masks.any()
    assert sample.pred_instances_3d.scores.tolist() == [0.]


@pytest.mark.parametrize('changes', TEXT_CASES)
def test_batch_equals_one_scene_at_a_time(tmp_path, changes):
    model = build(model_config(tmp_path, **changes)).double().eval()
    scenes = [scene(300, 1, seed=1), scene(120, 3, seed=2), scene(40, 2, 3)]
    with torch.no_grad():
        together = run_double(model, scenes)
        alone = [run_double(model, [one])[0] for one in scenes]
    for a, b in zip(together, alone):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def test_expressions_together_equal_one_at_a_time(tmp_path):
    model = build(model_config(tmp_path)).double().eval()
    points, sample = scene(250, 4)
    with torch.no_grad():
        together = run_double(model, [(points, sample)])[0]
        for i, expression in enumerate(sample.expressions):
            one = deepcopy(sample)
            one.set_metainfo(dict(expressions=[expression]))
            alone = run_double(model, [(points, one)])[0]
            torch.testing.assert_close(
                together[i:i + 1], alone, rtol=0, atol=1e-11)


def run_double(model, scenes: list) -> list[torch.Tensor]:
    """Voxel logits in float64."""
    batch = model.data_preprocessor(
        dict(
            inputs=dict(points=[points for points, _ in scenes]),
            data_samples=[sample for _, sample in scenes]))
    for one in batch['inputs']['scenes']:
        one.features = one.features.double()
    return model(**batch, mode='tensor')


def test_passes_do_not_change_the_prediction(tmp_path, monkeypatch):
    results = []
    for size, passes in ((1, 5), (3, 2), (8, 1)):
        model = build(model_config(tmp_path, expressions_per_pass=size)).eval()
        # as on a GPU: a CPU would take them one by one whatever is set
        monkeypatch.setattr('mmlangseg.less.models.less.sentences_at_once',
                            lambda device, most: most)
        counts = []
        model.decoder.register_forward_hook(
            lambda module, args, masks: counts.append(len(masks.logits)))
        with torch.no_grad():
            sample = run(model, [scene(200, 5)], 'predict')[0]
        results.append(sample.pred_instances_3d.logits)
        assert len(counts) == passes and sum(counts) == 5
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=1e-4, atol=1e-5)


def test_a_cpu_takes_expressions_one_by_one(tmp_path):
    model = build(model_config(tmp_path, expressions_per_pass=3)).eval()
    assert sentences_at_once(torch.device('cuda', 1), 3) == 3
    counts = []
    model.decoder.register_forward_hook(
        lambda module, args, masks: counts.append(len(masks.logits)))
    with torch.no_grad():
        run(model, [scene(200, 5)], 'predict')
    assert counts == [1] * 5


def test_the_words_matter(tmp_path):
    model = build(model_config(tmp_path)).eval()
    points, sample = scene(100, 1)
    logits = []
    for text in ('the red chair', 'a door near the table'):
        sample.set_metainfo(dict(expressions=[dict(text=text)]))
        with torch.no_grad():
            logits.append(run(model, [(points, sample)], 'tensor')[0])
    assert (logits[0] - logits[1]).abs().max() > 1e-3


def test_top1_takes_the_heaviest_mask(tmp_path):
    model = build(model_config(tmp_path, mask_choice='top1')).eval()
    seen = []
    model.decoder.register_forward_hook(lambda m, i, o: seen.append(o.logits))
    model.aggregator.register_forward_hook(lambda m, i, o: seen.append(o))
    with torch.no_grad():
        logits = run(model, [scene(expressions=2)], 'tensor')[0]
    masks, weights = seen
    for e in range(2):
        assert torch.equal(logits[e], masks[e, weights[e].argmax()])
    # in training all of them are weighed, or most would learn nothing
    mixed = model.train()._aggregate(masks, weights)
    torch.testing.assert_close(mixed, (weights.unsqueeze(-1) * masks).sum(1))


def test_checkpoint_round_trip(tmp_path):
    # Kernels of 3 x 3 x 3 with 3 channels on both sides have one shape in
    # every layout: mmdet3d would permute them without an error.
    backbone = dict(type='LESSUNet', channels=[3, 3], block_reps=1)
    config = model_config(tmp_path, backbone=backbone)
    model = build(config, seed=1).eval()
    file = str(tmp_path / 'model.pth')
    save_checkpoint(dict(state_dict=get_state_dict(model)), file)
    other = build(config, seed=2).eval()
    load_checkpoint(other, file, strict=True)
    with torch.no_grad():
        a, b = (run(m, [scene()], 'tensor')[0] for m in (model, other))
    assert torch.equal(a, b)


@pytest.mark.parametrize('aggregator', ['QSA', 'QueryScoreMLP'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mixed_precision(tmp_path, dtype, aggregator):
    config = model_config(tmp_path, aggregator=dict(type=aggregator))
    model = build(config).train()
    scenes = [scene(expressions=2), scene(100, seed=1, empty=True)]
    exact = run(model, scenes, 'loss')
    with torch.autocast('cpu', dtype):
        losses = run(model, scenes, 'loss')
    sum(losses.values()).backward()
    assert parameters_without_gradient(model) == []
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact[name].item(), rel=0.1)
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_wrong_modes(tmp_path):
    with pytest.raises(ValueError, match="'weighted_sum' or 'top1'"):
        build(model_config(tmp_path, mask_choice='best'))
    model = build(model_config(tmp_path))
    with pytest.raises(ValueError, match="'loss', 'predict' or 'tensor'"):
        run(model, [scene()], 'train')


def test_frozen_word_projection(tmp_path):
    backbone = dict(
        type='LESSUNet',
        channels=[8, 12],
        fusion=dict(type='PWCA', freeze_words=True))
    model = build(model_config(tmp_path, backbone=backbone)).train()
    sum(run(model, [scene()], 'loss').values()).backward()
    projection = model.backbone.unet.fusion.words
    assert all(p.grad is None for p in projection.parameters())
    assert parameters_without_gradient(model) == []
