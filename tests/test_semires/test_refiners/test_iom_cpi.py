from __future__ import annotations

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.refiners import CPI, IOM, KeepPseudoLabel

SIZE = (24, 20)


def dense_iom(pseudo, masks, threshold=0.5):
    """The released rule, one dense mask after the other, in PyTorch."""
    pseudo = torch.from_numpy(pseudo).long()
    best, chosen = threshold, []
    for k, mask in enumerate(torch.from_numpy(masks).long()):
        inter = (mask * pseudo).sum()
        iou = inter / (mask.sum() + pseudo.sum() - inter)
        if iou > best:
            best, chosen = iou, [k]
    return chosen


def dense_cpi(pseudo, masks, mode='uo', u_threshold=0.7, o_threshold=0.7):
    pseudo = torch.from_numpy(pseudo).long()
    chosen = []
    for k, mask in enumerate(torch.from_numpy(masks).long()):
        inter = (mask * pseudo).sum()
        covered = inter / (pseudo.sum() + 1e-9) > u_threshold
        inside = inter / mask.sum() > o_threshold
        if ('u' in mode and covered) or ('o' in mode and inside):
            chosen.append(k)
    return chosen


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A mask, and others that are parts, unions and strangers."""
    rng = np.random.default_rng(seed)

    def box() -> np.ndarray:
        mask = np.zeros(SIZE, bool)
        y, x = rng.integers(0, SIZE)
        height, width = rng.integers(0, 16, 2)  # 0: an empty mask
        mask[y:y + height, x:x + width] = True
        return mask

    pseudo = box() ^ (rng.random(SIZE) < rng.choice([0, 0.05]))
    masks = [box() for _ in range(6)]
    masks += [pseudo & box(), pseudo | box(), pseudo ^ box(), pseudo]
    masks += [masks[i] for i in rng.integers(0, len(masks), 3)]  # ties
    masks = np.array(masks)[rng.permutation(len(masks))]
    return pseudo, masks[:rng.integers(1, len(masks) + 1)]


def rows(*counts: int) -> np.ndarray:
    """Masks (100, 100) with so many first pixels."""
    flat = np.zeros((len(counts), 10000), bool)
    for row, count in zip(flat, counts):
        row[:count] = True
    return flat.reshape(-1, 100, 100)


@pytest.mark.parametrize('seed', range(60))
def test_run_lengths_equal_dense_masks(seed):
    pseudo, masks = draw(seed)
    candidates = Candidates.from_masks(masks)
    refined = IOM()(pseudo, candidates)
    expected = dense_iom(pseudo, masks)
    assert refined.chosen == expected and refined.matched == bool(expected)
    assert (refined.mask == (masks[expected[0]] if expected else pseudo)).all()
    for mode in ('u', 'o', 'uo'):
        for u, o in ((0.7, 0.7), (0.3, 0.5)):
            refined = CPI(mode, u, o)(pseudo, candidates)
            expected = dense_cpi(pseudo, masks, mode, u, o)
            assert refined.chosen == expected
            assert refined.matched == bool(expected)
            assert (refined.mask == (masks[expected].any(0)
                                     if expected else pseudo)).all()
            assert refined.mask.dtype == bool


def test_the_drawn_cases_have_all_outcomes():
    found = [dense_iom(*draw(seed)) for seed in range(60)]
    assert 10 < sum(map(bool, found)) < 55
    found = [len(dense_cpi(*draw(seed))) for seed in range(60)]
    assert 0 in found and 1 in found and max(found) > 3


class TestThresholds:

    def test_iom_is_strict(self):
        pseudo = rows(1000)[0]
        assert not IOM()(pseudo, Candidates.from_masks(rows(500))).matched
        assert IOM()(pseudo, Candidates.from_masks(rows(501))).matched

    def test_first_maximum_wins(self):
        candidates = Candidates.from_masks(rows(600, 900, 900))
        assert IOM()(rows(1000)[0], candidates).chosen == [1]

    def test_cpi_is_strict(self):
        """7/10 as a float64 is above 0.7 as a float32, and must not pass."""
        for count in (10, 100, 1000, 4010):
            share = count * 7 // 10
            pseudo, candidates = rows(count)[0], Candidates.from_masks(
                rows(share, share + 1))
            assert CPI('u')(pseudo, candidates).chosen == [1]
            pseudo, candidates = rows(share)[0], Candidates.from_masks(
                rows(count, count - 1))
            assert CPI('o')(pseudo, candidates).chosen == [1]

    def test_own_thresholds(self):
        pseudo, candidates = rows(1000)[0], Candidates.from_masks(rows(800))
        assert not IOM(0.8)(pseudo, candidates).matched
        assert IOM(0.79)(pseudo, candidates).matched
        assert not CPI('u', u_threshold=0.8)(pseudo, candidates).matched
        assert CPI('uo', u_threshold=0.8)(pseudo, candidates).matched

    def test_area_guard(self):
        pseudo = rows(1000)[0]
        candidates = Candidates.from_masks(rows(10000, 900))
        assert CPI()(pseudo, candidates).mask.all()
        guarded = CPI(max_area_ratio=2)(pseudo, candidates)
        assert guarded.chosen == [1]
        # "more than": one that is as large stays
        assert CPI(max_area_ratio=0.9)(pseudo, candidates).chosen == [1]
        assert not CPI(max_area_ratio=0.89)(pseudo, candidates).chosen


@pytest.mark.parametrize('refiner', [IOM(), CPI(), KeepPseudoLabel()])
@pytest.mark.parametrize('candidates', [
    None,
    Candidates.from_masks([], size=(100, 100)),
    Candidates.from_masks(rows(0, 0)),
])
@pytest.mark.parametrize('count', [0, 50])
def test_nothing_to_match(refiner, candidates, count):
    pseudo = rows(count)[0]
    refined = refiner(pseudo, candidates)
    assert not refined.matched and refined.chosen == []
    assert (refined.mask == pseudo).all()


@pytest.mark.parametrize('refiner', [IOM(), CPI()])
def test_empty_pseudo_label(refiner):
    refined = refiner(rows(0)[0], Candidates.from_masks(rows(5, 10000, 0)))
    assert not refined.matched and not refined.mask.any()


def test_keep():
    pseudo = rows(9)[0]
    found = KeepPseudoLabel(trusted=True)(pseudo,
                                          Candidates.from_masks(rows(9)))
    assert found.trusted and not found.matched
    assert found.mask is pseudo and found.chosen == []


@pytest.mark.parametrize('refiner', [IOM(), CPI()])
def test_candidates_of_another_size(refiner):
    with pytest.raises(ValueError, match=r'\[24, 20\].*\[100, 100\]'):
        refiner(np.ones(SIZE, bool), Candidates.from_masks(rows(5)))


def test_config():
    refiner = MODELS.build(dict(type='CPI', mode='u', u_threshold=0.5))
    assert (refiner.mode, refiner.u_threshold) == ('u', 0.5)
    assert MODELS.build(dict(type='IOM', threshold=0.6)).threshold == 0.6
    with pytest.raises(ValueError, match='mode'):
        CPI('both')
