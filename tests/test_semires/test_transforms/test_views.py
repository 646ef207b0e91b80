"""Weak and strong views: RandomGaussianBlur and RandomColorJitter."""
from __future__ import annotations
import colorsys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.models import SegDataPreProcessor
from outside_data import parity
from PIL import Image, ImageFilter

from mmlangseg.engine import seeded
from mmlangseg.semires.transforms import (RandomColorJitter,
                                          RandomGaussianBlur, jitter_float,
                                          jitter_uint8)

TOOLS = Path(__file__).resolve().parents[3] / '.dev_scripts'
MEAN = np.array([123.675, 116.28, 103.53])
STD = np.array([58.395, 57.12, 57.375])
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)


def share_changed(transform, image, count=200):
    with seeded(0):
        views = [transform(dict(img=image))['img'] for _ in range(count)]
    return np.mean([not np.array_equal(view, image) for view in views])


class TestBlur:

    def test_is_pillows_blur(self, image):
        view = RandomGaussianBlur(prob=1.)(dict(img=image))['img']
        expected = Image.fromarray(image).filter(ImageFilter.GaussianBlur(1))
        np.testing.assert_array_equal(view, np.array(expected))
        assert view.flags.writeable

    def test_probability(self, image):
        assert 0.4 < share_changed(RandomGaussianBlur(), image) < 0.6
        assert share_changed(RandomGaussianBlur(prob=0.), image, 20) == 0

    def test_bad_probability(self):
        with pytest.raises(ValueError, match='prob'):
            RandomGaussianBlur(prob=2)


class TestOperations:
    """Each operation against its definition, pixel by pixel."""

    @staticmethod
    def gray(image):
        return image @ np.array([0.2989, 0.587, 0.114])

    @pytest.fixture(params=['uint8', 'float'])
    def change(self, request, image):
        """Function of an operation and its factor: RGB in [0, 1]."""

        def apply(operation, factor):
            factors = np.zeros(4)
            factors[operation] = factor
            if request.param == 'uint8':
                return jitter_uint8(image, [operation], factors) / 255
            pixels = torch.from_numpy(image / 255).permute(2, 0, 1)
            return jitter_float(pixels, [operation],
                                factors).permute(1, 2, 0).numpy()

        apply.tolerance = 2 / 255 if request.param == 'uint8' else 1e-9
        return apply

    @pytest.mark.parametrize('factor', [0.75, 1., 1.25])
    @pytest.mark.parametrize('operation', [BRIGHTNESS, CONTRAST, SATURATION])
    def test_blends(self, change, image, operation, factor):
        pixels = image / 255
        base = [0., self.gray(pixels).mean(),
                self.gray(pixels)[..., None]][operation]
        expected = np.clip(factor * pixels + (1 - factor) * base, 0, 1)
        np.testing.assert_allclose(
            change(operation, factor), expected, atol=change.tolerance)

    @pytest.mark.parametrize('turn', [-0.25, 0., 0.1, 0.25])
    def test_hue(self, change, image, turn):
        expected = np.empty(image.shape)
        for index in np.ndindex(image.shape[:2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[index] / 255)
            expected[index] = colorsys.hsv_to_rgb((hue + turn) % 1, saturation,
                                                  value)
        # 8-bit hue: 1/255 of a turn is up to 6/255 in a channel, and the
        # turn, the hue before and the hue after are rounded
        tolerance = 18 / 255 if change.tolerance > 1e-3 else 1e-9
        np.testing.assert_allclose(change(HUE, turn), expected, atol=tolerance)

    def test_gray_pixels_have_no_hue(self):
        image = np.full((2, 2, 3), 77, np.uint8)
        factors = [1, 1, 1, 0.2]
        assert (jitter_uint8(image, [HUE], factors) == 77).all()
        pixels = torch.full((3, 2, 2), 0.3)
        assert torch.equal(jitter_float(pixels, [HUE], factors), pixels)

    def test_order_matters(self, image):
        factors = [1.2, 0.8, 1.1, 0.1]
        one = jitter_uint8(image, [0, 1, 2, 3], factors)
        other = jitter_uint8(image, [3, 2, 1, 0], factors)
        assert not np.array_equal(one, other)


class TestStrongView:

    def test_from_the_image(self, image):
        order, factors = [3, 0, 2, 1], [0.8, 1.1, 1.2, -0.2]
        view = RandomColorJitter().strong_view(image, order, factors)
        assert view.dtype == np.uint8 and view.flags.c_contiguous
        rgb = jitter_uint8(
            np.ascontiguousarray(image[..., ::-1]), order, factors)
        np.testing.assert_array_equal(view[..., ::-1], rgb)

    def test_unchanged_if_the_jitter_does_not_fire(self, image):
        view = RandomColorJitter(prob=0.)(dict(img=image))['img']
        np.testing.assert_array_equal(view, image)

    def test_probability(self, image):
        assert 0.4 < share_changed(RandomColorJitter(), image) < 0.6

    def test_draws_depend_on_the_seed_alone(self, image):
        views = []
        for seed in (1, 1, 2):
            with seeded(seed):
                views.append(
                    RandomColorJitter(prob=1.)(dict(img=image))['img'])
        assert np.array_equal(views[0], views[1])
        assert not np.array_equal(views[0], views[2])

    def test_draws_fill_their_ranges(self, image, monkeypatch):
        transform = RandomColorJitter(
            prob=1., brightness=0.1, contrast=0.2, saturation=0.3, hue=0.4)
        draws = []
        monkeypatch.setattr(
            transform, 'strong_view',
            lambda image, order, factors: draws.append(
                (tuple(order), factors)))
        with seeded(0):
            for _ in range(300):
                transform(dict(img=image))
        factors = np.array([factors for _, factors in draws])
        center, width = np.array([1, 1, 1, 0]), np.array([.1, .2, .3, .4])
        assert (np.abs(factors - center) <= width).all()
        assert (np.abs(factors - center).max(0) > 0.9 * width).all()
        assert len({order for order, _ in draws}) == 24

    @pytest.mark.parametrize('fires', [False, True])
    def test_released_double_normalization(self, image, fires):
        """The preprocessor's normalization is the second one."""
        transform = RandomColorJitter(strong_from='normalised')
        order, factors = ([0, 1], [0.8, 1.1, 1, 0]) if fires else ((), ())
        view = transform.strong_view(image, order, factors)
        assert view.dtype == np.float32
        preprocess = SegDataPreProcessor(
            mean=MEAN.tolist(), std=STD.tolist(), bgr_to_rgb=True)
        inputs = torch.from_numpy(view).permute(2, 0, 1)
        ours = preprocess(dict(inputs=[inputs]))['inputs'][0]
        once = (image[..., ::-1] - MEAN) / STD  # RGB
        if fires:
            once = np.clip(0.8 * once, 0, 1)
            mean = TestOperations.gray(once).mean()
            once = np.clip(1.1 * once - 0.1 * mean, 0, 1)
            assert (once == 0).mean() > 0.2  # what is lost
        twice = (once - MEAN / 255) / (STD / 255)
        np.testing.assert_allclose(
            ours.permute(1, 2, 0).numpy(), twice, atol=1e-5)

    @pytest.mark.parametrize('options', [
        dict(prob=-1),
        dict(brightness=1.5),
        dict(hue=0.6),
        dict(strong_from='weak'),
    ])
    def test_bad_options(self, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            RandomColorJitter(**options)


@pytest.mark.skipif(
    not parity('transforms.npz').is_file(),
    reason='no parity fixtures; set MMLANGSEG_PARITY to their folder')
def test_parity(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import parity_semires_data
    from parity_report import Report
    report = Report()
    parity_semires_data.check(parity(), report)
    assert report.failed == [] and report.count == 10


def test_parity_without_fixtures(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import parity_semires_data
    with pytest.raises(FileNotFoundError, match='transforms.npz'):
        parity_semires_data.check(tmp_path, None)
