from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmlangseg.io.coco_codes import check_codes, decode_runs

PIXELS = 30 * 40


def codes_of(masks: list[np.ndarray]) -> list[bytes]:
    return [
        mask_utils.encode(np.asfortranarray(mask, np.uint8))['counts']
        for mask in masks
    ]


@pytest.fixture
def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shares = [0, 0.5, 1.1, 0.01, 0.99, 0.3, 0]
    return [rng.random((30, 40)) < share for share in shares]


def test_runs(masks):
    """Those of each mask, one mask after the other."""
    runs, numbers = decode_runs(codes_of(masks))
    ends = numbers.cumsum()
    for mask, start, end in zip(masks, ends - numbers, ends):
        flat = mask.ravel(order='F')
        edges = np.flatnonzero(np.diff(flat)) + 1
        expected = np.diff(np.r_[0, edges, flat.size])
        expected = np.r_[0, expected] if flat[0] else expected
        np.testing.assert_array_equal(runs[start:end], expected)


def test_areas(masks):
    areas = check_codes(codes_of(masks), PIXELS)
    assert areas.tolist() == [mask.sum() for mask in masks]
    assert check_codes([], PIXELS).tolist() == []


def test_a_large_image():
    """Numbers of seven characters."""
    size = [65535, 65535]
    code = mask_utils.frPyObjects(
        dict(size=size, counts=[5, 4294836215, 5]), *size)['counts']
    assert check_codes([code], 65535**2).tolist() == [4294836215]
    assert decode_runs([code])[0].tolist() == [5, 4294836215, 5]


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda code: code[:-1] + b'o', 'is cut off'),
        (lambda code: code[:-1], 'does not add up to the 1200|is cut off'),
        (lambda code: code + b'1', 'of mask 1 does not add up'),
        (lambda code: b'', 'of mask 1 does not add up'),
        (lambda code: b'\0' + code[1:], 'characters that do not occur'),
        (lambda code: b'\xff' + code[1:], 'characters that do not occur'),
        (lambda code: b'o' * 9 + code, 'larger than any image'),
        (lambda code: b'O' + code[1:],
         'of mask 1 does not add up'),  # negative
    ])
def test_damage(masks, change, message):
    codes = codes_of(masks)
    codes[1] = change(codes[1])
    with pytest.raises(ValueError, match=message):
        check_codes(codes, PIXELS)


def test_damage_of_any_character(masks):
    """Refused, or a mask of as many pixels that pycocotools reads alike."""
    code, = codes_of(masks[5:6])
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(2000):
        damaged = bytearray(code)
        for place in rng.integers(0, len(code), 2):
            damaged[place] = 48 + rng.integers(64)
        try:
            area, = check_codes([bytes(damaged)], PIXELS)
        except ValueError:
            continue
        accepted += 1
        rle = dict(size=[30, 40], counts=bytes(damaged))
        assert mask_utils.decode(rle).sum() == area
    assert 0 < accepted < 200
