"""Sums over expressions, against the formulas written naively."""
import numpy as np
import pytest

from mmlangseg.evaluation import ReferringSums, referring_iou

THRESHOLDS = (0.25, 0.5)


def naive(pred, target, zero_target, min_points):
    """IoU of one expression from its masks."""
    if zero_target:
        return float(pred.sum() < min_points)
    union = (pred | target).sum()
    return (pred & target).sum() / union if union else 0.


def random_case(rng):
    """A mask and a target of twelve points; each is empty now and then."""
    pred, target = rng.random((2, 12)) < rng.choice([0, .2, .5, 1], (2, 1))
    zero_target = bool(rng.random() < 0.2)
    groups = [name for name in 'ab' if rng.random() < 0.4]
    return pred, target & (not zero_target), zero_target, groups


@pytest.mark.parametrize('inclusive', [False, True])
def test_1000_random_cases(inclusive):
    rng = np.random.default_rng(0)
    cases = [random_case(rng) for _ in range(1000)]
    sums = ReferringSums(THRESHOLDS, inclusive, 'Acc')
    ious, inters, unions = [], [], []
    for pred, target, zero_target, groups in cases:
        inter = int((pred & target).sum())
        union = int((pred | target).sum())
        iou, counted = referring_iou(inter, union, int(pred.sum()),
                                     zero_target, 3)
        sums.add(iou, inter, counted, zero_target, groups)
        ious.append(naive(pred, target, zero_target, 3))
        right = zero_target and pred.sum() < 3
        inters.append(inter)
        unions.append(0 if right else union)
    assert len(sums) == 1000
    ious, inters, unions = map(np.array, (ious, inters, unions))
    summary = sums.summary()
    assert list(summary) == ['overall', 'a', 'b', 'with_target', 'zero_target']
    zero = np.array([case[2] for case in cases])
    members = dict(
        overall=np.ones(1000, bool),
        with_target=~zero,
        a=np.array(['a' in case[3] for case in cases]),
        b=np.array(['b' in case[3] for case in cases]))
    for name, chosen in members.items():
        row = summary[name]
        assert row['count'] == chosen.sum()
        assert row['mIoU'] == pytest.approx(100 * ious[chosen].mean())
        assert row['oIoU'] == pytest.approx(100 * inters[chosen].sum() /
                                            unions[chosen].sum())
        for t in THRESHOLDS:
            hits = [iou >= t if inclusive else iou > t for iou in ious[chosen]]
            assert row[f'Acc@{t}'] == pytest.approx(100 * np.mean(hits))
    assert summary['zero_target'] == dict(
        count=zero.sum(), Acc=pytest.approx(100 * ious[zero].mean()))


def test_an_iou_at_the_threshold():
    for inclusive, expected in ((False, 0.), (True, 100.)):
        sums = ReferringSums((0.5, ), inclusive, 'P')
        sums.add(*referring_iou(1, 2, 1, False)[:1], 1, 2, False)
        assert sums.summary()['overall']['P@0.5'] == expected


def test_a_target_without_points_is_missed_and_nothing_wrong_is_right():
    assert referring_iou(0, 0, 0, False) == (0., 0)
    assert referring_iou(0, 3, 3, True) == (0., 3)
    assert referring_iou(0, 3, 3, True, min_points=4) == (1., 0)
    sums = ReferringSums((0.5, ), True, 'P')
    sums.add(1., 0, 0, True)
    row = sums.summary()['overall']
    assert (row['mIoU'], row['oIoU']) == (100., 100.)
    assert 'with_target' not in sums.summary()


def test_a_group_that_stands_twice_counts_once():
    sums = ReferringSums((0.5, ), True, 'P')
    sums.add(1., 1, 1, False, ['a', 'a'])
    assert sums.summary()['a']['count'] == 1
    with pytest.raises(ValueError, match="'overall'.*reserved"):
        sums.add(1., 1, 1, False, ['overall'])
