import json

import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints
from outside_data import parity

from mmlangseg.less.transforms import (ReferringAugment3D,
                                       apply_rigid_augmentation,
                                       is_view_dependent)
from mmlangseg.less.transforms.referring_augment import mirror_words


def sample(*texts, n=200):
    points = np.random.default_rng(0).uniform(-1, 1, (n, 6))
    return dict(
        points=DepthPoints(
            points.astype(np.float32),
            points_dim=6,
            attribute_dims=dict(color=[3, 4, 5])),
        expressions=[dict(text=t, description=t, ann_id='0') for t in texts])


def rotation_of(before, after):
    """The matrix M with after = M before + shift, by least squares."""
    before = before - before.mean(0)
    after = after - after.mean(0)
    return np.linalg.lstsq(before, after, rcond=None)[0].T


def run(transform, *texts, seed=0):
    np.random.seed(seed)
    results = sample(*texts)
    before = results['points'].coord.numpy().copy()
    results = transform(results)
    return before, results['points'].coord.numpy(), results


@pytest.mark.parametrize('sentence, word, released', [
    ('the chair to the left of the table', True, True),
    ('left of the table', True, False),
    ('the chair on the left.', True, False),
    ('it is on the left', True, True),
    ('the chair behind, not the other', True, False),
    ('LEFTMOST chair', True, False),
    ('the leftover box', False, False),
    ('the chair next to the table', False, False),
    ('the table across from it', True, True),
    ('the left-most chair', True, False),
    ('the door on the right-hand side', True, False),
    ("the 'left' button", True, False),
    ('the_left_one', False, False),
])
def test_view_words(sentence, word, released):
    assert is_view_dependent(sentence) is word
    assert is_view_dependent(sentence, 'released') is released


def test_own_view_words():
    assert is_view_dependent('the box near the camera', 'word', ['camera'])
    assert not is_view_dependent('the left box', 'word', ['camera'])
    assert is_view_dependent('the top-left box', 'word', ['top-left'])
    assert not is_view_dependent('the left box', 'word', [])


def test_rigid_order():
    """One quarter turn about each axis: z first, then x, then y."""
    out = apply_rigid_augmentation([[1.0, 0.0, 0.0]], angles=(90, 90, 90))
    # z: (0, 1, 0); x: (0, 0, 1); y: (1, 0, 0)
    np.testing.assert_allclose(out, [[1, 0, 0]], atol=1e-12)
    out = apply_rigid_augmentation([[1.0, 2.0, 3.0]],
                                   angles=(0, 0, 90),
                                   flips=(True, False),
                                   noise=1.0,
                                   shift=[0, 0, 1],
                                   scale=2.0)
    # flipped (-1, 2, 3), turned (-2, -1, 3)
    np.testing.assert_allclose(out, [[-2, 0, 10]], atol=1e-12)


@pytest.mark.skipif(
    not parity('less_augment.npz').is_file(),
    reason='the parity fixtures are not here')
@pytest.mark.parametrize('case', ['free', 'view'])
def test_parity_with_the_released_code(case):
    data = np.load(parity('less_augment.npz'))

    def get(name):
        return data[f'{case}/{name}']

    out = apply_rigid_augmentation(
        get('raw_xyz'), get('theta_xyz_deg'), (get('flip_x'), get('flip_y')),
        get('noise'), get('shift'), float(get('scale')))
    np.testing.assert_allclose(out, get('out_xyz'), atol=2e-6, rtol=0)
    words = json.loads(parity('less_config.json').read_text())
    sentence = words['view_words_tested'][case == 'view']
    assert is_view_dependent(sentence, 'released') == (case == 'view')


def test_view_dependent_scans_keep_their_view():
    transform = ReferringAugment3D(noise=0, scale=(1, 1))
    for seed in range(30):
        turn = rotation_of(
            *run(transform, 'chair', 'left chair', seed=seed)[:2])
        assert np.linalg.det(turn) > 0.99
        assert turn[0, 0] > np.cos(np.deg2rad(8))


def test_view_independent_scans_turn_freely():
    transform = ReferringAugment3D(noise=0, scale=(1, 1))
    turns = [
        rotation_of(*run(transform, 'chair', 'red one', seed=seed)[:2])
        for seed in range(60)
    ]
    mirrored = np.mean([np.linalg.det(turn) < 0 for turn in turns])
    assert 0.25 < mirrored < 0.75
    facing = {tuple(np.rint(turn[:2, 0]).astype(int)) for turn in turns}
    assert facing == {(1, 0), (-1, 0), (0, 1), (0, -1)}
    up = np.array([turn[2, 2] for turn in turns])
    assert (up > np.cos(np.deg2rad(4))).all()


def test_noise_shift_scale_bounds():
    transform = ReferringAugment3D(
        jitter=0, tilt=0, scale=(1, 1), shift=0, noise=0.005)
    before, after, _ = run(transform, 'left')
    assert (after - before).min() >= -1e-6
    assert (after - before).max() < 0.005 + 1e-6
    transform = ReferringAugment3D(
        jitter=0,
        tilt=0,
        scale=(1, 1),
        shift=0,
        noise=0.005,
        centered_noise=True)
    before, after, _ = run(transform, 'left')
    assert abs((after - before).mean()) < 5e-4
    transform = ReferringAugment3D(
        jitter=0, tilt=0, noise=0, shift=0.5, scale=(0.98, 1.02))
    before, after, _ = run(transform, 'left')
    scale = rotation_of(before, after)[0, 0]
    assert 0.98 <= scale <= 1.02 and scale != 1
    assert (np.abs(after.mean(0) / scale - before.mean(0)) < 0.5).all()


def test_simple_mode_flips_whatever_is_said():
    transform = ReferringAugment3D(mode='simple')
    signs = set()
    for seed in range(30):
        turn = rotation_of(*run(transform, 'left', seed=seed)[:2])
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)
        signs.add(tuple(np.sign(np.diag(turn)[:2]).astype(int)))
        assert turn[2, 2] > np.cos(np.deg2rad(8))
    assert signs == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_only_coordinates_change():
    transform = ReferringAugment3D()
    _, _, results = run(transform, 'chair')
    expected = sample('chair')['points'].tensor[:, 3:]
    assert torch.equal(results['points'].tensor[:, 3:], expected)
    assert results['points'].tensor.dtype == torch.float32


def test_seeded():
    transform = ReferringAugment3D()
    first, other = run(transform, 'a', seed=5)[1], run(transform, 'a')[1]
    np.testing.assert_array_equal(first, run(transform, 'a', seed=5)[1])
    assert not np.allclose(first, other)


def test_mirror_words():
    assert mirror_words('the leftmost chair, left of the right desk') == \
        'the rightmost chair, right of the left desk'
    assert mirror_words('the leftover box') == 'the leftover box'


def test_mirror_keeps_sentences_true():
    """Left of the origin stays left of it, whatever was drawn."""
    transform = ReferringAugment3D(
        mirror=True, jitter=0, tilt=0, noise=0, shift=0, scale=(1, 1))
    seen = set()
    for seed in range(20):
        before, after, results = run(
            transform, 'points on the left', 'a chair', seed=seed)
        texts = [e['text'] for e in results['expressions']]
        sign = {'points on the left': 1, 'points on the right': -1}[texts[0]]
        np.testing.assert_allclose(after, before * [sign, 1, 1], atol=1e-6)
        assert texts[1] == 'a chair'
        seen.add(sign)
    assert seen == {1, -1}


def test_mirror_without_flips():
    """Scans seen from one side: x only, view-dependent or not."""
    transform = ReferringAugment3D(
        flip=False,
        mirror=True,
        quarter_turns=False,
        jitter=0,
        tilt=0,
        noise=0,
        shift=0,
        scale=(1, 1))
    signs = set()
    for seed in range(10):
        before, after, _ = run(transform, 'a chair', seed=seed)
        sign = np.sign(after[0] / before[0])
        np.testing.assert_allclose(after, before * sign, atol=1e-6)
        signs.add(tuple(sign))
    assert signs == {(1, 1, 1), (-1, 1, 1)}


@pytest.mark.parametrize('option', [
    dict(mode='none'),
    dict(word_test='regex'),
])
def test_bad_options(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        ReferringAugment3D(**option)
