from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.models.task_modules import (DiceCost, FocalLossCost,
                                       HungarianAssigner)
from mmengine.structures import InstanceData
from torch.nn import functional as F

from mmlangseg.sseg.losses import MaskMatcher

LAYERS, BATCH, QUERIES, SIZE = 2, 3, 7, (6, 5)


def case(clusters=4, queries=QUERIES):
    random = torch.Generator().manual_seed(0)
    logits = [
        3 * torch.randn(BATCH, queries, *SIZE, generator=random)
        for _ in range(LAYERS)
    ]
    labels = torch.randint(clusters, (BATCH, *SIZE), generator=random)
    return logits, labels


def whole(labels, clusters):
    return np.array([[bool((label == k).any()) for k in range(clusters)]
                     for label in labels])


def naive_cost(logits, target):
    """Of one mask and one 0-1 target."""
    prob = logits.sigmoid()
    dice = 1 - (2 * (prob * target).sum() + 1) / (
        prob.sum() + target.sum() + 1)
    right = torch.where(target == 1, prob, 1 - prob)
    weight = torch.where(target == 1, 0.25, 0.75)
    entropy = F.binary_cross_entropy_with_logits(
        logits, target, reduction='none')
    return dice + 20 * (weight * (1 - right)**2 * entropy).mean()


def assert_equals_mmdet(matches, logits, labels, present):
    """Pairs of MMDetection's assigner, one image and layer after another."""
    assigner = HungarianAssigner([
        dict(type='mmdet.FocalLossCost', weight=20., binary_input=True),
        dict(type='mmdet.DiceCost', pred_act=True, eps=1.)
    ])
    assert {type(c) for c in assigner.match_costs} == {FocalLossCost, DiceCost}
    for layer, masks in enumerate(logits):
        for image in range(len(labels)):
            numbers = np.flatnonzero(present[image])
            targets = torch.stack([labels[image] == k for k in numbers])
            assigned = assigner.assign(
                InstanceData(masks=masks[image]),
                InstanceData(
                    masks=targets.long(),
                    labels=torch.zeros(len(numbers), dtype=torch.long)))
            expected = {(query, numbers[index - 1])
                        for query, index in enumerate(assigned.gt_inds)
                        if index > 0}
            own = matches.images == image
            assert expected == set(
                zip(matches.queries[layer, own].tolist(),
                    matches.clusters[layer, own].tolist()))


@pytest.mark.parametrize('at_once', [1, 100, 10**6])
def test_costs(at_once, monkeypatch):
    """All pairs at once, whatever is worked on at a time."""
    monkeypatch.setattr('mmlangseg.cpu.chunks._CPU_PIXELS', at_once)
    logits, labels = case()
    labels[0, :2] = 255
    got = MaskMatcher().costs(logits[0], labels, 4)
    for image in range(BATCH):
        for query in range(QUERIES):
            for k in range(4):
                expected = naive_cost(logits[0][image, query],
                                      (labels[image] == k).float())
                torch.testing.assert_close(got[image, query, k], expected)


def test_costs_of_sure_masks():
    """Also where single precision has no digits left."""
    target = torch.tensor([[[0, 0, 1, 1]]])
    logits = 60. * torch.tensor([[-1, -1, 1, 1], [1, 1, -1, -1], [1, 1, 1, 1],
                                 [-1, -1, -1, -1]])
    got = MaskMatcher().costs(logits[None, :, None], target, 2)[0, :, 1]
    expected = [naive_cost(x, target[0, 0].float()) for x in logits]
    torch.testing.assert_close(got, torch.stack(expected))
    assert got[0] == 0
    far = MaskMatcher().costs(10 * logits[None, :, None], target, 2)
    assert far.isfinite().all() and far[0, 0, 1] == 0


@pytest.mark.parametrize('clusters, queries', [(4, QUERIES), (7, 7), (6, 4),
                                               (1, 3)])
def test_pairs_are_those_of_mmdet(clusters, queries):
    logits, labels = case(clusters, queries)
    present = whole(labels, clusters)
    matches = MaskMatcher()(logits, labels, present)
    pairs = BATCH * min(clusters, queries)
    assert matches.images.shape == (pairs, )
    assert matches.queries.shape == matches.clusters.shape == (LAYERS, pairs)
    assert_equals_mmdet(matches, logits, labels, present)


def test_absent_clusters():
    """They are not matched: gaps, an image of one, an image of none."""
    logits, labels = case(5)
    labels[0][labels[0] == 2] = 255
    labels[1] = 3
    labels[2] = 255
    present = whole(labels, 5)
    matches = MaskMatcher()(logits, labels, present)
    assert matches.images.tolist() == [0] * 4 + [1]
    assert sorted(matches.clusters[0, :4].tolist()) == [0, 1, 3, 4]
    assert matches.clusters[:, 4].tolist() == [3, 3]
    assert_equals_mmdet(matches, logits, labels[:2], present)


def test_no_cluster_at_all():
    logits, labels = case()
    matches = MaskMatcher()(logits, labels * 0 + 255, np.zeros((BATCH, 0)))
    assert matches.images.shape == (0, )
    assert matches.queries.shape == matches.clusters.shape == (LAYERS, 0)


def test_weights_decide():
    """Dice prefers the small overlap, focal the many right pixels."""
    labels = torch.zeros(1, 1, 100, dtype=torch.long)
    labels[..., :4] = 1
    logits = torch.full((1, 2, 1, 100), -6.)
    logits[0, 0, :, :16] = 6.  # covers it four times
    both = np.array([[False, True]])
    for weights, query in (((1., 0.), 0), ((0., 1.), 1)):
        matches = MaskMatcher(*weights)([logits], labels, both)
        assert matches.queries.tolist() == [[query]]


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_what_is_not_finite_does_not_stop(value):
    logits, labels = case()
    logits[0][1, 2, 0, 0] = value
    matches = MaskMatcher()(logits, labels, whole(labels, 4))
    bad = (matches.images == 1) & (matches.queries[0] == 2)
    assert not bad.any()  # there are enough others


def test_half_precision():
    logits, labels = case()
    half = [x.bfloat16() for x in logits]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        costs = MaskMatcher().costs(half[0], labels, 4)
    assert costs.dtype == torch.float32
    torch.testing.assert_close(costs,
                               MaskMatcher().costs(half[0].float(), labels, 4))
