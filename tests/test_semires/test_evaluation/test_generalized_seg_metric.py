"""gRefCOCO's metric, from samples as the model leaves them."""
import json

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, PixelData

from mmlangseg.semires.evaluation import GeneralizedSegMetric


def sample(n_pred, n_target, inter, object_ids=(1, )):
    """An image of 10 x 10 pixels."""
    pred, target = torch.zeros(2, 100, dtype=torch.long)
    pred[:n_pred] = 1
    target[n_pred - inter:n_pred - inter + n_target] = 1
    element = BaseDataElement(
        metainfo=dict(text='a', object_ids=list(object_ids)))
    element.pred_sem_seg = PixelData(data=pred.view(1, 10, 10))
    element.gt_sem_seg = PixelData(data=target.view(1, 10, 10))
    return element


def evaluate(samples, **kwargs):
    evaluator = Evaluator(GeneralizedSegMetric(**kwargs))
    for each in samples:
        evaluator.process([each])
    return evaluator.evaluate(len(samples))


def test_scores(tmp_path):
    samples = [
        sample(20, 20, 18),  # IoU 18 / 22
        sample(4, 20, 4),  # taken for nothing
        sample(3, 0, 0, ()),  # recognized
        sample(9, 0, 0, ()),  # not recognized
    ]
    out = tmp_path / 'records.json'
    scores = evaluate(
        samples, no_target_pixels=5, thresholds=(.5, .9), out_file=str(out))
    assert scores == {
        'gIoU': pytest.approx(100 * (18 / 22 + 0 + 1 + 0) / 4),
        'cIoU': pytest.approx(100 * 18 / (22 + 20 + 9)),
        'Pr@0.5': 50.,
        'Pr@0.9': 0.,
        'T_acc': 50.,
        'N_acc': 50.
    }
    content = json.loads(out.read_text())
    assert content['metrics'] == scores and len(content['records']) == 4
    # every pixel counts
    scores = evaluate(samples, no_target_pixels=1)
    assert scores['T_acc'] == 100 and scores['N_acc'] == 0


def test_a_head_decides(tmp_path):
    """Masks count in the union, whatever their size, as in ReLA's code."""
    kept = sample(20, 20, 18), sample(1, 0, 0, ())
    rejected = sample(20, 20, 18), sample(9, 0, 0, ())
    for each, says_none in [(s, False) for s in kept] + [(s, True)
                                                         for s in rejected]:
        each.any_sem_seg = each.pred_sem_seg
        each.set_metainfo(dict(says_none=says_none))
        if says_none:
            each.pred_sem_seg = PixelData(
                data=torch.zeros_like(each.any_sem_seg.data))
    scores = evaluate([*kept, *rejected], no_target_pixels=5)
    assert scores['N_acc'] == 50 and scores['T_acc'] == 50
    assert scores['gIoU'] == pytest.approx(100 * (18 / 22 + 0 + 0 + 1) / 4)
    assert scores['cIoU'] == pytest.approx(100 * 18 / (22 + 1 + 22))


def test_bad_use():
    with pytest.raises(ValueError, match='no_target_pixels=0 must be'):
        GeneralizedSegMetric(no_target_pixels=0)
    with pytest.raises(ValueError, match='No expression was evaluated'):
        GeneralizedSegMetric().compute_metrics([])
