"""Comparison of LESS with stored outputs of its released code.

The fixtures (see the README beside them) hold inputs and outputs of the
released code with weights made by a rule. The same weights pass through the
checkpoint converter into the reference model of this package.
"""
from __future__ import annotations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from parity_less_fixtures import Fixtures, less_reference, run
from parity_less_parts import (check_augmentation, check_losses, check_metric,
                               check_scans, check_val_metric)
from parity_report import Report
from torch import Tensor


def check(folder: Path, report: Report) -> None:
    """Compare everything that the fixtures of LESS hold."""
    fixtures = Fixtures(folder)
    check_scans(fixtures, report)
    check_augmentation(fixtures, report)
    check_losses(fixtures, report)
    check_metric(fixtures, report)
    for training in (False, True):
        for dtype in (torch.float32, torch.float64):
            check_batch(fixtures, report, dtype, training)
    check_single(fixtures, report)


def to_points(scenes: list, rows: list[Tensor]) -> list[Tensor]:
    """Give voxel rows (..., M_i, C) to the points: (..., N_i, C)."""
    return [
        x.index_select(-2, scene.point_to_voxel)
        for x, scene in zip(rows, scenes)
    ]


def mask_to_points(scenes: list, rows: list[Tensor]) -> Tensor:
    """Give (1, K, M_i) to the points of equally large scenes: (B, K, N)."""
    return torch.cat([x[..., s.point_to_voxel] for x, s in zip(rows, scenes)])


def total(losses: dict[str, Tensor], area_weight: float) -> Tensor:
    return losses['seg'] + area_weight * losses['area'] + \
        0.05 * losses['p2p']


def compare_losses(report: Report, title: str, losses: dict[str, Tensor],
                   theirs: dict, tolerance: float) -> None:
    values = dict(
        losses, total_head=total(losses, 10.), total_paper=total(losses, 1.))
    for name, value in values.items():
        key = title.split()[1] + name
        report.relative(title + name, value, theirs[key], tolerance)


def check_batch(fixtures: Fixtures, report: Report, dtype: torch.dtype,
                training: bool) -> None:
    """Forward and backward of two scenes, all taps and all gradients."""
    inputs = fixtures['less_inputs']
    theirs = fixtures['less_train' if training else 'less_eval']
    model = fixtures.model().to(dtype).train(training)
    points = torch.from_numpy(inputs['feats']).split(
        fixtures.config['n_points'])
    masks = torch.from_numpy(inputs['instance_refer_mask']).bool()
    result = run(model, list(points), list(masks), inputs['input_ids'],
                 inputs['attention_mask'], dtype)
    single = dtype == torch.float32
    title = 'less_train' if training else 'less_eval'
    if not single:
        compare_losses(report, f'{title} loss64_', result.losses, theirs, 1e-9)
    else:
        compare_losses(report, f'{title} loss_', result.losses, theirs,
                       1e-4 if training else 1e-5)
        if training:
            compare_training(report, result, model, theirs)
        else:
            compare_voxels(report, result, inputs, theirs)
            compare_taps(report, result, theirs)
    if not training:
        title, theirs = 'less_grads', fixtures['less_grads']
    tolerances = (1e-7, 1e-7) if not single else \
        (5e-2, 5e-2) if training else (2e-2, 1e-2)
    for loss, area_weight in (('head', 10.), ('paper', 1.)):
        loss = loss if single else f'{loss}64'
        if f'{loss}/all_names' in theirs:
            model.zero_grad()
            total(result.losses, area_weight).backward(retain_graph=True)
            compare_gradients(report, f'{title} {loss}/', model, theirs,
                              *tolerances)


def compare_voxels(report: Report, result: SimpleNamespace, inputs: dict,
                   theirs: dict) -> None:
    """Voxel coordinates, point counts and means, point by point."""
    scenes, their_row = result.scenes, inputs['p2v_map']
    coordinates = torch.cat(to_points(scenes, [s.coordinates for s in scenes]))
    counts = torch.cat([s.counts[s.point_to_voxel] for s in scenes])
    features = torch.cat(to_points(scenes, [s.features for s in scenes]))
    report.exact('less_inputs point_voxel_coord', coordinates,
                 inputs['point_voxel_coord'][:, 1:])
    report.exact('less_inputs v2p_map (points per voxel)', counts,
                 inputs['v2p_map'][their_row, 0])
    report.exact('less_inputs voxel_coords (number)',
                 sum(len(s.counts) for s in scenes),
                 len(inputs['voxel_coords']))
    report.absolute('less_eval voxel_feats', features,
                    theirs['voxel_feats'][their_row], 1e-6)
    output = result.taps['backbone.input_conv'][0].features
    output = output.split([len(s.counts) for s in scenes])
    report.absolute('less_eval input_conv_out',
                    torch.cat(to_points(scenes, output)),
                    theirs['input_conv_out'][their_row], 1e-4)


def compare_taps(report: Report, result: SimpleNamespace,
                 theirs: dict) -> None:
    """Everything between text encoder and mask logits."""
    scenes, taps = result.scenes, result.taps

    def compare(name: str, ours: Tensor, tolerance: float) -> None:
        report.absolute(f'less_eval {name}', ours, theirs[name], tolerance)

    text = taps['text_encoder'][0]
    compare('word_feature',
            torch.cat([text.sentence.unsqueeze(1), text.words], 1), 2e-5)
    level = 'backbone.unet'
    while f'{level}.blocks' in taps:
        i = level.count('.u')  # 'backbone.unet' counts as one
        compare(f'words{i - 1}', taps[f'{level}.fusion.words'][0], 2e-5)
        for kind, module in (('enc', 'blocks'), ('dec', 'blocks_tail')):
            if f'{level}.{module}' in taps:
                compare_sparse(report, f'{kind}{i - 1}',
                               taps[f'{level}.{module}'][0], theirs)
        level += '.u'
    compare('sentence_vec', torch.cat(taps['aggregator.sentence']), 1e-4)
    compare('query0', taps['decoder.out_norm'][0].expand(2, -1, -1), 1e-5)
    found = taps['decoder']
    initial = mask_to_points(scenes, [m.initial_logits for m in found])
    compare('mask_logits0', initial, 1e-4)
    blocked = (initial < 0).numpy()
    blocked &= ~blocked.all(-1, keepdims=True)
    report.exact('less_eval attn_block0', np.packbits(blocked, axis=-1),
                 theirs['attn_block0'])
    compare('query', torch.cat([m.queries for m in found]), 1e-4)
    compare('mask_logits', mask_to_points(scenes, [m.logits for m in found]),
            1e-4)
    compare('query_weights', torch.cat(taps['aggregator']), 1e-5)
    compare('point_feats', torch.cat(to_points(scenes, taps['backbone'][0])),
            1e-4)
    logits = mask_to_points(scenes, taps['logits'])
    compare('logits', logits, 1e-4)
    compare('prob', logits.sigmoid(), 1e-5)


def compare_sparse(report: Report, name: str, ours, theirs: dict) -> None:
    """Compare a sparse tensor, rows matched by their coordinates."""
    their_coordinates = theirs[f'enc{name[-1]}_coord']
    our_order = np.lexsort(ours.indices.numpy().T)
    their_order = np.lexsort(their_coordinates.T)
    report.exact(f'less_eval {name}_coord',
                 ours.indices.numpy()[our_order],
                 their_coordinates[their_order])
    report.absolute(f'less_eval {name}_feat', ours.features[our_order],
                    theirs[f'{name}_feat'][their_order], 1e-4)


def compare_training(report: Report, result: SimpleNamespace,
                     model: torch.nn.Module, theirs: dict) -> None:
    """Outputs in training mode and the statistics of BatchNorm."""
    scenes, taps = result.scenes, result.taps
    features = torch.cat(to_points(scenes, taps['backbone'][0]))
    found = mask_to_points(scenes, [m.logits for m in taps['decoder']])
    for name, value, tolerance in (
        ('logits', mask_to_points(scenes, taps['logits']), 1e-3),
        ('point_feats_sub', features[:, ::8], 1e-3),
        ('mask_logits_sub', found[:, :, ::8], 1e-3),
        ('query_weights', torch.cat(taps['aggregator']), 1e-4),
    ):
        report.absolute(f'less_train {name}', value, theirs[name], tolerance)
    buffers = dict(model.named_buffers())
    for name, value in theirs.items():
        if name.startswith('buffer/'):
            ours = buffers[less_reference.rename(name[len('buffer/'):])]
            report.relative(f'less_train {name}', ours, value, 1e-4, 0.1)


def compare_gradients(report: Report, title: str, model: torch.nn.Module,
                      theirs: dict, sample_tolerance: float,
                      norm_tolerance: float) -> None:
    """Norms of all gradients and samples of some."""
    parameters = dict(model.named_parameters())
    loss = title.split()[1]
    norms, unused = [], []
    for name, norm, precise in zip(theirs[f'{loss}all_names'].tolist(),
                                   theirs[f'{loss}all_norms'],
                                   theirs['head64/all_norms']):
        new = less_reference.rename(name)
        if np.isnan(norm):  # the released code does not use it
            unused.append(new)
            continue
        gradient = parameters[new].grad
        if precise > 1e-8:  # else zero in exact arithmetic
            norms.append((float(gradient.double().norm()), norm))
        if f'{loss}{name}/val' in theirs:
            index = torch.from_numpy(theirs[f'{loss}{name}/idx'])
            report.relative_l2(title + name,
                               gradient.flatten()[index],
                               theirs[f'{loss}{name}/val'], sample_tolerance)
    ours, expected = zip(*norms)
    report.relative(f'{title}all_norms ({len(norms)})', ours, expected,
                    norm_tolerance)
    report.exact(f'{title}unused weights are absent ({len(unused)})',
                 [new is None for new in unused], [True] * len(unused))


def check_single(fixtures: Fixtures, report: Report) -> None:
    """One scene with all its points, as in validation."""
    theirs = fixtures['less_val']
    model = fixtures.model().eval()
    mask = torch.from_numpy(theirs['instance_refer_mask'])[0].bool()
    with torch.no_grad():
        result = run(model, [torch.from_numpy(theirs['feats'])], [mask],
                     theirs['input_ids'], theirs['attention_mask'],
                     torch.float32)
    scenes, taps = result.scenes, result.taps
    compare_losses(report, 'less_val loss_', result.losses, theirs, 1e-5)
    for name, value, tolerance in (
        ('point_feats', to_points(scenes, taps['backbone'][0])[0], 1e-4),
        ('mask_logits',
         mask_to_points(scenes, [m.logits for m in taps['decoder']]), 1e-4),
        ('query_weights', taps['aggregator'][0], 1e-5),
        ('logits', mask_to_points(scenes, taps['logits']), 1e-4),
    ):
        report.absolute(f'less_val {name}', value, theirs[name], tolerance)
    check_val_metric(fixtures, report, mask_to_points(scenes, taps['logits']))
