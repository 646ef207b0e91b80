"""Comparison of SemiRES with stored outputs of its released code.

The fixtures (see the README beside them) hold inputs and outputs of the
released code with weights made by a rule. The same weights pass through the
checkpoint converter into the LAVT of this package.
"""
from __future__ import annotations
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import parity_semires_data
import parity_semires_refine
import torch
from mmdet.engine.hooks import MeanTeacherHook
from mmseg.models.backbones.swin import WindowMSA
from mmseg.registry import MODELS
from parity_report import Report
from parity_semires_fixtures import Fixtures, lavt_reference, run, unpack
from torch import Tensor, nn

from mmlangseg.evaluation import ReferringSegMetric


def check(folder: Path, report: Report) -> None:
    """Compare everything that the fixtures of SemiRES hold."""
    fixtures = Fixtures(folder)
    for size in ('tiny_w7', 'base_w12'):
        for dtype in (torch.float32, torch.float64):
            check_lavt(fixtures, report, size, dtype)
    for dtype in (torch.float32, torch.float64):
        check_training(fixtures, report, dtype)
    check_metric(fixtures, report)
    check_teacher(fixtures, report)
    parity_semires_refine.check(folder, report)
    parity_semires_data.check(folder, report)


def check_lavt(fixtures: Fixtures, report: Report, size: str,
               dtype: torch.dtype) -> None:
    """Forward and backward in evaluation mode, all taps and gradients."""
    title, theirs = f'lavt_{size}', fixtures[f'lavt_{size}']
    model = fixtures.model(size).to(dtype).eval()
    result = run(model, theirs, dtype)
    losses = compute_losses(result.logits, theirs)
    if dtype == torch.float32:
        compare_input(report, title, model, theirs)
        compare_taps(report, title, result, theirs)
        compare_losses(report, f'{title} loss_', losses, theirs, 1e-5)
        name, tolerance = 'burnin', 3e-2
    else:
        compare_losses(report, f'{title} loss64_', losses, theirs, 1e-9)
        name, tolerance = 'burnin64', 1e-7
    losses['burnin_ce'].backward()
    compare_gradients(report, f'{title}_grads {name}/', model,
                      fixtures[f'{title}_grads'],
                      fixtures.released_weights(size), tolerance)


def check_training(fixtures: Fixtures, report: Report,
                   dtype: torch.dtype) -> None:
    """Forward and backward in training mode, statistics of BatchNorm."""
    inputs = fixtures['lavt_tiny_w7']
    title, theirs = 'lavt_tiny_w7_train', fixtures['lavt_tiny_w7_train']
    model = fixtures.model('tiny_w7').to(dtype).train()
    result = run(model, inputs, dtype)
    losses = compute_losses(result.logits, inputs)
    single = dtype == torch.float32
    if single:
        for name in ('decoder_out', 'logits'):
            report.absolute(f'{title} {name}', getattr(result, name),
                            theirs[name], 1e-3)
        compare_losses(report, f'{title} loss_', losses, theirs, 1e-4)
        buffers = dict(model.named_buffers())
        for name, value in theirs.items():
            if name.startswith('buffer/'):
                ours = buffers[lavt_reference.rename(name[len('buffer/'):])]
                report.relative(f'{title} {name}', ours, value, 1e-4, 0.1)
    name = 'burnin' if single else 'burnin64'
    if f'{name}/all_names' in theirs:
        losses['burnin_ce'].backward()
        compare_gradients(report, f'{title} {name}/', model, theirs,
                          fixtures.released_weights('tiny_w7'),
                          5e-2 if single else 1e-7)


def compute_losses(logits: Tensor, inputs: dict) -> dict[str, Tensor]:
    """The losses of burn-in, mutual learning and of unmatched samples."""
    targets = unpack(inputs['target'], len(logits), *logits.shape[-2:])
    probability = logits.softmax(1)[:, 1].detach()
    weights = MODELS.build(dict(type='PWA'))(probability)

    def cross_entropy(reduction: str, class_weight: list | None = None):
        return MODELS.build(
            dict(
                type='ReferringCrossEntropy',
                reduction=reduction,
                class_weight=class_weight))

    return dict(
        burnin_ce=cross_entropy('weighted_mean', [0.9, 1.1])(logits, targets),
        mutual_ce=cross_entropy('pixel_mean', [0.9, 1.1])(logits, targets),
        pwa_ce=cross_entropy('pixel_mean')(logits, logits.argmax(1), weights))


def compare_losses(report: Report, title: str, losses: dict[str, Tensor],
                   theirs: dict, tolerance: float) -> None:
    for name, value in losses.items():
        key = title.split()[1] + name
        # pixel weights are float32 in any run
        report.relative(
            title + name, value, theirs[key],
            max(tolerance, 2e-6) if name == 'pwa_ce' else tolerance)


def compare_input(report: Report, title: str, model: nn.Module,
                  theirs: dict) -> None:
    """Normalization, from images in OpenCV's order of colors."""
    images = [
        torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
        for image in theirs['image_u8']
    ]
    batch = model.data_preprocessor(dict(inputs=images, data_samples=None))
    report.absolute(f'{title} image', torch.as_tensor(batch['inputs']),
                    theirs['image'], 2e-6)


def compare_taps(report: Report, title: str, result: SimpleNamespace,
                 theirs: dict) -> None:
    """Everything between text encoder and logits."""
    known = torch.from_numpy(theirs['attention_mask']).bool()
    report.absolute(f'{title} hidden', result.hidden[known],
                    theirs['hidden'][known.numpy()], 2e-5)
    for i, stage in enumerate(result.stages, start=1):
        expected = theirs[f'stage{i}']
        step = stage.shape[-1] // expected.shape[-1]  # stored thinned out
        report.absolute(f'{title} stage{i}', stage[:, :, ::step, ::step],
                        expected, 1e-3)
    report.absolute(f'{title} decoder_out', result.decoder_out,
                    theirs['decoder_out'], 3e-4)
    report.absolute(f'{title} logits', result.logits, theirs['logits'], 3e-4)
    weights = MODELS.build(dict(type='PWA'))(result.logits.softmax(1)[:, 1])
    report.absolute(f'{title} pwa_weight_sub', weights[:, ::8, ::8],
                    theirs['pwa_weight_sub'], 3e-4)


def compare_gradients(report: Report, title: str, model: nn.Module,
                      theirs: dict, released: dict[str, Tensor],
                      tolerance: float) -> None:
    """Norms of all gradients and samples of some."""
    parameters = dict(model.named_parameters())
    loss = title.split()[1]
    precise = theirs.get('burnin64/all_norms', theirs[f'{loss}all_norms'])
    norms, unused = [], []
    for name, norm, exact in zip(theirs[f'{loss}all_names'].tolist(),
                                 theirs[f'{loss}all_norms'], precise):
        new = lavt_reference.rename(name)
        if np.isnan(norm):  # the released code does not use it
            unused.append(new)
            continue
        gradient = parameters[new].grad
        if exact > 1e-8:  # else zero in exact arithmetic
            norms.append((float(gradient.double().norm()), norm))
        if f'{loss}{name}/val' in theirs:
            # The converter permutes some axes: send positions through it.
            shape = released[name].shape
            positions = torch.arange(released[name].numel()).reshape(shape)
            order = lavt_reference.rearrange(name, positions).flatten()
            ours = torch.empty_like(gradient.flatten())
            ours[order] = gradient.flatten()
            index = torch.from_numpy(theirs[f'{loss}{name}/idx'])
            report.relative_l2(title + name, ours[index],
                               theirs[f'{loss}{name}/val'], tolerance)
    ours, expected = zip(*norms)
    report.relative(f'{title}all_norms ({len(norms)})', ours, expected,
                    tolerance)
    report.exact(f'{title}unused weights are absent ({len(unused)})',
                 [new in parameters for new in unused], [False] * len(unused))


def check_metric(fixtures: Fixtures, report: Report) -> None:
    """IoU of 50 masks and the averages."""
    theirs = fixtures['metric_res']
    size = theirs['hw'].tolist()
    thresholds = theirs['thresholds'].tolist()
    metric = ReferringSegMetric(
        thresholds=thresholds, inclusive=True, accuracy_name='P')
    for pred, target in zip(theirs['pred'], theirs['gt']):
        sample = dict(
            text='',
            object_ids=[0],  # an empty target counts as missed
            pred_sem_seg=dict(data=unpack(pred, 1, *size)),
            gt_sem_seg=dict(data=unpack(target, 1, *size)))
        metric.process({}, [sample])
    records = [record for sample in metric.results for record in sample]
    for name in ('inter', 'union', 'iou'):
        report.absolute(f'metric_res {name}', [r[name] for r in records],
                        theirs[name], 1e-12)
    ours = metric.compute_metrics(metric.results)
    report.absolute('metric_res miou', ours['mIoU'] / 100, theirs['miou'],
                    1e-12)
    report.absolute('metric_res oiou', ours['oIoU'] / 100, theirs['oiou'],
                    1e-12)
    report.absolute('metric_res precision_at',
                    [ours[f'P@{t:g}'] / 100 for t in thresholds],
                    theirs['precision_at'], 1e-12)


class Network(nn.Module):
    """The network of the fixtures of the teacher's update."""

    def __init__(self, theirs: dict, state: str) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 4)
        self.bn = nn.BatchNorm1d(4)
        self.attn = WindowMSA(embed_dims=8, num_heads=2, window_size=(3, 3))
        self.load_state_dict({
            name.removeprefix(f'{state}/'):
            torch.from_numpy(np.array(value))
            for name, value in theirs.items() if name.startswith(f'{state}/')
        })


def check_teacher(fixtures: Fixtures, report: Report) -> None:
    """Moving average of the teacher; damage and repair of integer tables."""
    theirs = fixtures['ema']
    for state, rate, steps in (('teacher1', 0.9996, 1),
                               ('teacher3', 0.9996, 3), ('rate09_teacher1',
                                                         0.9, 1)):
        networks = SimpleNamespace(
            student=Network(theirs, 'student'),
            teacher=Network(theirs, 'teacher0'))
        hook = MeanTeacherHook(momentum=1 - rate, skip_buffer=False)
        for _ in range(steps):
            hook.momentum_update(networks, hook.momentum)
        for name, value in networks.teacher.state_dict().items():
            if value.is_floating_point():
                report.absolute(f'ema {state}/{name}', value,
                                theirs[f'{state}/{name}'], 1e-6)
    # Deliberate departure: the released average damages integer tables.
    for window in ('w7', 'w12'):
        before, after = (
            torch.from_numpy(theirs[f'index_{window}_{when}']).long()
            for when in ('before', 'after'))
        report.exact(f'ema index_{window}_before',
                     lavt_reference.relative_position_index(before), before)
        for keep, expected in ((False, before), (True, after)):
            name = 'backbone.layers.0.blocks.0.attn.relative_position_index'
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                ours = lavt_reference.convert({name: after}, keep_index=keep)
            report.exact(
                f'ema index_{window} {"kept" if keep else "repaired"}',
                ours[lavt_reference.rename(name)], expected)
