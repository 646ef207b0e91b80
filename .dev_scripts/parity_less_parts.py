"""Comparison of the parts of LESS around the network: data, losses, metric."""
from __future__ import annotations

import numpy as np
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import DepthPoints
from mmengine.structures import InstanceData
from parity_report import Report

from mmlangseg.evaluation import ReferringSegMetric
from mmlangseg.less.losses import (AreaRegularization, PointContrast,
                                   WeightedBCE)
from mmlangseg.less.transforms import (apply_rigid_augmentation,
                                       is_view_dependent)


def check_scans(fixtures, report: Report) -> None:
    """Normalized colors and target masks."""
    color = TRANSFORMS.build(dict(type='NormalizeScanColor'))
    build_masks = TRANSFORMS.build(dict(type='BuildReferringMasks'))
    data = fixtures['less_inputs']
    feats, masks = [], []
    for points, instances, target in zip(data['raw_xyzrgb'],
                                         data['raw_instance'],
                                         data['object_id']):
        results = dict(
            points=DepthPoints(
                torch.from_numpy(points),
                points_dim=6,
                attribute_dims=dict(color=[3, 4, 5])),
            pts_instance_mask=instances,
            expressions=[dict(object_ids=[int(target)])])
        results = build_masks(color(results))
        feats.append(results['points'].tensor)
        masks.append(results['gt_masks'])
    report.absolute('less_inputs feats', torch.cat(feats), data['feats'], 1e-6)
    report.exact('less_inputs instance_refer_mask', torch.cat(masks),
                 data['instance_refer_mask'])


def check_augmentation(fixtures, report: Report) -> None:
    """The geometric augmentation with given random numbers."""
    data = fixtures['less_augment']
    for kind in ('free', 'view'):
        case = {
            key.split('/')[1]: value
            for key, value in data.items() if key.startswith(f'{kind}/')
        }
        xyz = apply_rigid_augmentation(
            case['raw_xyz'],
            angles=case['theta_xyz_deg'],
            flips=(bool(case['flip_x']), bool(case['flip_y'])),
            noise=case['noise'],
            shift=case['shift'],
            scale=float(case['scale'])).astype(np.float32)
        report.absolute(f'less_augment {kind}/out_xyz', xyz, case['out_xyz'],
                        2e-6)
        coordinates = (np.float32(50) * xyz - case['full_min50']).astype(int)
        report.exact(f'less_augment {kind}/out_coord', coordinates,
                     case['out_coord'])
    # The first sentence begins with its view word, which the released test
    # misses.
    report.exact('less_config view_words_tested', [
        is_view_dependent(sentence, 'released')
        for sentence in fixtures.config['view_words_tested']
    ], [False, True])


def check_losses(fixtures, report: Report) -> None:
    """The losses alone, with their gradients."""
    data = fixtures['less_losses']
    seg = WeightedBCE(fixtures.config['pos_weight'], loss_weight=1.)
    area = AreaRegularization(loss_weight=1.)
    p2p = PointContrast(fixtures.config['temperature'], loss_weight=1.)
    for case in ('a', 'b', 'c', 'saturated', 'empty'):
        theirs = {
            key.split('/')[1]: value
            for key, value in data.items() if key.startswith(f'{case}/')
        }
        logits = torch.from_numpy(theirs['logits']).requires_grad_()
        features = torch.from_numpy(theirs['point_feats']).requires_grad_()
        positive = torch.from_numpy(theirs['mask']).float()
        arguments = [logits], [features], [positive], [1 - positive]
        ours = dict(
            seg=seg(*arguments), area=area(*arguments), p2p=p2p(*arguments))
        title = f'less_losses {case}/'
        if case == 'empty':  # NaN in the released code
            report.exact(f'{title}p2p (zero, not NaN)', ours.pop('p2p'), 0.)
        if case in ('saturated', 'empty'):
            # The released code takes the logarithm of a float32 sigmoid; for
            # large logits that loses digits, and is clamped in the end.
            exact = seg([logits.detach().double()], *arguments[1:])
            value = ours.pop('seg')
            report.relative(f'{title}seg (against float64)', value, exact,
                            1e-5)
            if case == 'empty':
                report.relative(f'{title}seg', value, theirs['seg'], 1e-4)
        for name in sorted(ours.keys() & theirs.keys()):
            report.relative(title + name, ours[name], theirs[name], 1e-5)
        if 'total_head' in theirs:
            total = ours['seg'] + 10 * ours['area'] + 0.05 * ours['p2p']
            report.relative(f'{title}total_head', total, theirs['total_head'],
                            1e-5)
            total.backward()
            report.relative_l2(f'{title}grad_logits', logits.grad,
                               theirs['grad_logits'], 1e-4)
            report.relative_l2(f'{title}grad_feats_sub', features.grad[:, ::7],
                               theirs['grad_feats_sub'], 1e-4)
            report.relative(f'{title}grad_feats_norm', features.grad.norm(),
                            theirs['grad_feats_norm'], 1e-4)


def check_metric(fixtures, report: Report) -> None:
    """The metric with the released rule for small predictions."""
    data, settings = fixtures['less_metric'], fixtures.config['metric']
    metric = ReferringSegMetric(
        fallback=dict(
            min_points=settings['min_points'], topk=settings['topk']))
    for k, (count,
            kind) in enumerate(zip(data['n_points'], data['unique_multiple'])):
        mask = np.unpackbits(data[f'{k:02d}/mask'])[:count]
        metric.process(
            None, [_sample(data[f'{k:02d}/logits'][None], mask[None], kind)])
    records = [record for sample in metric.results for record in sample]
    report.exact('less_metric n_pred_before', [r['n_pred'] for r in records],
                 [data[f'{k:02d}/n_pred_before'] for k in range(len(records))])
    _compare_records(report, 'less_metric', records, data)
    ours = metric.compute_metrics(metric.results)
    for theirs, name in (('agg_miou', 'mIoU'), ('agg_acc25', 'Acc@0.25'),
                         ('agg_acc50', 'Acc@0.5'), ('agg_overall_iou', 'oIoU'),
                         ('agg_miou_unique', 'unique/mIoU'),
                         ('agg_miou_multiple', 'multiple/mIoU')):
        report.relative(f'less_metric {theirs}',
                        ours[f'fallback/{name}'] / 100, data[theirs], 1e-12)


def check_val_metric(fixtures, report: Report, logits: torch.Tensor) -> None:
    """The metric of our prediction, logits (1, N), in less_val."""
    data, settings = fixtures['less_val'], fixtures.config['metric']
    metric = ReferringSegMetric(
        fallback=dict(
            min_points=settings['min_points'], topk=settings['topk']))
    metric.process(None, [
        _sample(logits.numpy(), data['instance_refer_mask'],
                data['unique_multiple'][0])
    ])
    _compare_records(report, 'less_val', metric.results[0], data)


def _sample(logits: np.ndarray, mask: np.ndarray, kind: int) -> dict:
    """Data sample of one expression, logits and mask (1, N)."""
    logits = torch.from_numpy(logits)
    expression = dict(
        text='', object_ids=[0], groups=[('unique', 'multiple')[int(kind)]])
    return dict(
        scene_id='scene',
        expressions=[expression],
        gt_instances_3d=InstanceData(masks=torch.from_numpy(mask).bool()),
        pred_instances_3d=InstanceData(masks=logits > 0, logits=logits))


def _compare_records(report: Report, title: str, records: list[dict],
                     theirs: dict) -> None:
    changed = [record['fallback'] for record in records]
    for name in ('inter', 'union'):
        report.exact(f'{title} {name}', [r[name] for r in changed],
                     theirs[name].reshape(-1))
    report.absolute(f'{title} iou', [r['iou'] for r in changed],
                    theirs['iou'].reshape(-1), 1e-12)
