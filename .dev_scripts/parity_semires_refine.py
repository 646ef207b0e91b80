"""Comparison of the parts of SemiRES that refine pseudo-labels."""
from __future__ import annotations
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from parity_report import Report

from mmlangseg.semires.candidates import Candidates, read_released
from mmlangseg.semires.losses import PWA, PseudoLabelLoss
from mmlangseg.semires.refiners import CPI, IOM


def check(folder: Path, report: Report) -> None:
    """Run lengths, refined masks, pixel weights, unsupervised loss."""
    folder = Path(folder)
    config = json.loads((folder / 'refine_config.json').read_text())
    iom = IOM(config['iom_threshold'])
    cpi = CPI('uo', *config['cpi_thresholds'])
    check_run_lengths(folder, report)
    check_pixel_weights(folder, config, report)
    cases = _load(folder, 'refine_cases')
    refined = check_cases(cases, iom, cpi, report)
    check_batches(
        _load(folder, 'refine_batches'), cases, refined, config, report)


def check_run_lengths(folder: Path, report: Report) -> None:
    """The released files, and their resize to the training size."""
    lists = json.loads((folder / 'rle.json').read_text())
    dense = _load(folder, 'rle')
    size = [lists['resized_to']] * 2
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / 'ref.json'
        for k, item in enumerate(lists['masks']):
            path.write_text(json.dumps([item]))
            ours = read_released(path).mask(0)
            report.exact(f'rle {k}/mask', ours,
                         _unpack(dense[f'{k}/mask'], dense[f'{k}/hw']))
        for k, items in enumerate(lists['chain']):
            path.write_text(json.dumps(items))
            ours = read_released(path).resized(size, 'corner')
            report.exact(f'rle chain{k}/resized',
                         [ours.mask(i) for i in range(len(ours))],
                         _unpack(dense[f'chain{k}/resized'], size))
            report.exact(f'rle chain{k}/area', ours.areas,
                         dense[f'chain{k}/area'])


def check_pixel_weights(folder: Path, config: dict, report: Report) -> None:
    """The weight as a function of the probability."""
    curve, settings = _load(folder, 'pwa_curve'), config['pwa']
    pwa = PWA(settings['mu'], settings['var'], settings['offset'])
    report.absolute('pwa_curve weight', pwa(torch.from_numpy(curve['p'])),
                    curve['weight'], 1e-6)


def check_cases(cases: dict, iom: IOM, cpi: CPI, report: Report) -> dict:
    """Every case; gives the refinements as [strategy][case]."""
    size = [int(cases['size'])] * 2
    refined: dict[str, list] = dict(iom=[], cpi=[])
    for k, name in enumerate(cases['names']):
        case = {
            key.split('/')[1]: value
            for key, value in cases.items() if key.startswith(f'{k:02d}/')
        }
        title = f'refine_cases {k:02d} {name}: '
        candidates = Candidates.from_masks(_unpack(case['cand'], size), size)
        prob = _probability(case)
        pseudo = prob.numpy() > 0.5
        report.exact(f'{title}pseudo', pseudo, _unpack(case['pseudo'], size))
        report.exact(f'{title}area', candidates.areas, case['area'])
        report.exact(f'{title}inter', candidates.intersections(pseudo),
                     case['inter'])
        passing = dict(
            iom=iom.scores(pseudo, candidates) > np.float32(iom.threshold),
            cpi=cpi.passing(pseudo, candidates))
        for strategy, refiner in (('iom', iom), ('cpi', cpi)):
            found = refiner(pseudo, candidates)
            refined[strategy].append(found)
            report.exact(f'{title}{strategy}_pass', passing[strategy],
                         case[f'{strategy}_pass'])
            report.exact(f'{title}{strategy}_mask', found.mask,
                         _unpack(case[f'{strategy}_mask'], size))
        weights = PWA()(prob)
        report.absolute(f'{title}pwa_at',
                        weights.flatten()[cases['pixel_index']],
                        case['pwa_at'], 1e-6)
        report.absolute(f'{title}pwa_mean',
                        weights.double().mean(), case['pwa_mean'], 1e-6)
    for strategy, found in refined.items():
        title = f'refine_cases {strategy}_'
        report.exact(f'{title}matched', [x.matched for x in found],
                     cases[f'{strategy}_matched'])
        report.exact(f'{title}area', [x.mask.sum() for x in found],
                     cases[f'{strategy}_area'])
    report.exact('refine_cases iom_index',
                 [x.chosen[0] if x.chosen else -1 for x in refined['iom']],
                 cases['iom_index'])
    report.exact('refine_cases cpi_count',
                 [len(x.chosen) for x in refined['cpi']], cases['cpi_count'])
    return refined


def check_batches(batches: dict, cases: dict, refined: dict, config: dict,
                  report: Report) -> None:
    """The unsupervised loss of three samples, its parts and gradients."""
    loss = PseudoLabelLoss(config['class_weights'])
    points = torch.from_numpy(batches['pixel_index'])
    number = sum(key.endswith('/cases') for key in batches)
    for b in range(number):
        chosen = batches[f'{b}/cases'].tolist()
        student = torch.from_numpy(batches[f'{b}/student_i8']).float()
        student = student / config['student_scale']
        for _ in range(2):  # nearest, (3, 2, S, S)
            student = student.repeat_interleave(
                config['student_upsample'], dim=-1).transpose(-1, -2)
        prob = torch.stack([
            _probability({'prob_u8': cases[f'{k:02d}/prob_u8']})
            for k in chosen
        ])
        for strategy in ('iom', 'cpi'):
            found = [refined[strategy][k] for k in chosen]
            labels = torch.from_numpy(np.stack([x.mask for x in found]))
            matched = torch.tensor([x.matched for x in found])
            logits = student.clone().requires_grad_()
            value = loss(logits, labels, matched, prob)
            value.backward()
            title = f'refine_batches {b}/{strategy}/'
            theirs = {
                key.split('/')[2]: entry
                for key, entry in batches.items()
                if key.startswith(f'{b}/{strategy}/')
            }
            report.exact(f'{title}unmatched', ~matched, theirs['unmatched'])
            report.relative(f'{title}unsup', value, theirs['unsup'], 2e-6)
            for part, group in (('matched', matched), ('unmatched', ~matched)):
                ours = torch.zeros(())
                if group.any():
                    ours = loss(student[group], labels[group], matched[group],
                                prob[group])
                report.relative(f'{title}part_{part}', ours,
                                theirs[f'part_{part}'], 2e-6, 1e-12)
            report.relative(f'{title}grad_norm',
                            logits.grad.double().flatten(1).norm(dim=1),
                            theirs['grad_norm'], 1e-5)
            report.relative_l2(f'{title}grad_at',
                               logits.grad.flatten(2)[..., points],
                               theirs['grad_at'], 1e-5)


def _probability(case: dict) -> torch.Tensor:
    """The teacher's foreground probability, exact in float32."""
    return torch.from_numpy(case['prob_u8']).float() / 256


def _load(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f'{name}.npz') as file:
        return dict(file)


def _unpack(bits: np.ndarray, size) -> np.ndarray:
    """Packed masks (..., bytes) to bool (..., H, W)."""
    height, width = (int(side) for side in size)
    flat = np.unpackbits(bits, axis=-1)[..., :height * width]
    return flat.reshape(*bits.shape[:-1], height, width).astype(bool)
