from __future__ import annotations
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT

from mmlangseg.semires.candidates import CandidateCache, Candidates

FOLDER = ROOT / 'tools' / 'semires'
sys.path.insert(0, str(FOLDER))

import evaluate_candidates as tool  # noqa: E402
from mask_noise import NOISE  # noqa: E402


def square(top: int, left: int, side: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top:top + side, left:left + side] = True
    return mask


@pytest.fixture
def data(tmp_path) -> Path:
    """Images 1 and 2 with a square of 20 pixels each, at twice the size of
    the candidates; image 3 without candidates in a cache."""
    folder = tmp_path / 'mini'
    folder.mkdir()
    outline = [[20, 20, 60, 20, 60, 60, 20, 60]]
    (folder / 'instances.json').write_text(
        json.dumps(
            dict(
                images=[
                    dict(id=i, file_name=f'{i}.png', height=80, width=80)
                    for i in (1, 2, 3)
                ],
                annotations=[
                    dict(id=i, image_id=i, segmentation=outline)
                    for i in (1, 2, 3)
                ])))
    (folder / 'refs(unc).p').write_bytes(
        pickle.dumps([
            dict(
                ref_id=i,
                ann_id=i,
                image_id=i,
                split='train',
                sentences=[dict(sent_id=i, sent='disc', raw='disc')])
            for i in (1, 2, 3)
        ]))
    write(
        tmp_path / 'exact', {
            1: [square(10, 10, 20)],
            2: [square(0, 0, 40), square(10, 10, 10)],
            3: [square(10, 10, 20)]
        })
    write(tmp_path / 'none', {1: [], 2: [square(10, 10, 10)]})
    return folder


def write(folder: Path, masks: dict[int, list], size: int = 40) -> None:
    cache = CandidateCache.create(
        folder,
        dict(dataset='mini', size=[size, size], generator=dict(name='test')))
    for i, some in masks.items():
        cache.save(i, Candidates.from_masks(some, (size, size)))


@pytest.fixture
def run(data, tmp_path, monkeypatch, capsys):

    def run(*args) -> str:
        monkeypatch.setattr(sys, 'argv',
                            ['tool', str(data), '--split', 'train',
                             *map(str, args)])  # yapf: disable
        monkeypatch.chdir(tmp_path)
        try:
            tool.main()
        except SystemExit as stop:
            return str(stop.code)
        return capsys.readouterr().out

    return run


def test_coverage(run, tmp_path):
    out = run('--cache', 'a=exact', '--cache', 'b=none', '--out', 'out.json')
    assert '2 objects of 2 images' in out
    found = json.loads((tmp_path / 'out.json').read_text())['candidates']
    a, b = found['a'], found['b']
    assert a['masks per image'] == 1.5 and b['masks per image'] == 0.5
    assert a['best IoU'] == 62.5  # 1 and a quarter
    assert b['best IoU'] == 12.5  # nothing and a quarter
    assert a['IoU >= 0.5'] == a['IoU >= 0.9'] == 50
    assert b['IoU >= 0.5'] == 0
    assert a['above 10 % of the image (2)'] == 62.5
    # without the blanks that align the columns
    assert '| a | 1.5 | 62.5 | 50.0 |' in ' '.join(out.split())


def test_refinement(run, tmp_path):
    out = run('--cache', 'a=exact', '--refiner', 'IOM', 'threshold=0.5',
              '--seeds', 2, '--out', 'out.json')
    assert '3 objects of 3 images' in out
    rows = json.loads(
        (tmp_path / 'out.json').read_text())['IOM threshold=0.5, a']
    assert list(rows) == list(NOISE)
    for row in rows.values():
        # images 1 and 3 have the true mask, 2 one that fits nothing well
        assert row['gain'] == pytest.approx(row['after'] - row['before'])
        assert row['after'] > row['before'] > 20
        assert 30 < row['matched'] <= 100
    assert rows['eroded']['after'] > 80


def test_outlines_do_not_count():
    mask = square(10, 10, 20)
    wider = Candidates.from_masks([square(9, 9, 22)])
    assert tool.best_iou(mask, wider, 0) == pytest.approx(400 / 484)
    assert tool.best_iou(mask, wider, 1) == 1
    off = Candidates.from_masks([square(10, 15, 20)])
    assert tool.best_iou(mask, off, 1) < 0.9
    border = square(0, 0, 20)  # the edge of the image is no outline
    assert tool.best_iou(border, Candidates.from_masks([border]), 3) == 1
    beside = Candidates.from_masks([border & ~square(0, 0, 3)])
    assert tool.best_iou(border, beside, 3) < 1
    assert tool.best_iou(mask, wider, 30) == 0  # nothing is left


@pytest.mark.parametrize('name, low, high', [('eroded', 0.6, 0.95),
                                             ('dilated', 1.05, 1.5),
                                             ('shifted', 1, 1),
                                             ('cut', 0.45, 0.85)])
def test_noise(name, low, high):
    mask = square(40, 40, 40, 120)
    areas = set()
    for seed in range(20):
        noisy, again = (
            NOISE[name](mask, np.random.default_rng(seed)) for _ in range(2))
        assert noisy.dtype == bool and (noisy == again).all()
        assert low <= noisy.sum() / mask.sum() <= high
        assert (noisy != mask).any()
        if name in ('eroded', 'cut'):
            assert not (noisy & ~mask).any()
        if name == 'dilated':
            assert not (mask & ~noisy).any()
        areas.add((int(noisy.sum()), int((noisy & mask).sum())))
    assert len(areas) > 3
    corner = square(0, 0, 40, 120)  # what is moved out of the image is lost
    assert all(NOISE['shifted'](corner, np.random.default_rng(s)).sum() <= 1600
               for s in range(9))


@pytest.mark.parametrize('arguments, message', [
    (['--cache', 'exact'], 'is not NAME=DIR'),
    (['--cache', 'a=missing'], 'not a candidate cache'),
    (['--cache', 'a=exact', '--cache', 'b=large'], 'different sizes'),
    (['--cache', 'a=empty'], 'no object has an image'),
    (['--cache', 'a=exact', '--refiner', 'IOU'], 'no such refiner'),
])
def test_bad_input(run, tmp_path, arguments, message):
    write(tmp_path / 'large', {}, 50)
    write(tmp_path / 'empty', {})
    out = run(*arguments)
    assert out.startswith('error: ') and message in out
