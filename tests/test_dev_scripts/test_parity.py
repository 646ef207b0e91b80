from __future__ import annotations
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from outside_data import parity
from PIL import Image, ImageFilter
from tool_server import run_python

FOLDER = Path(__file__).resolve().parents[2] / '.dev_scripts'
PARITY = FOLDER / 'parity.py'
# Where the outputs of the research code are, if they are there.
FIXTURES = parity()
sys.path.insert(0, str(FOLDER))

import parity_semires_data  # noqa: E402
from parity_report import Report, parameter  # noqa: E402


def needs(file: str):
    return pytest.mark.skipif(
        not (FIXTURES / file).is_file(),
        reason='no parity fixtures; set MMLANGSEG_PARITY to their folder')


@needs('less_eval.npz')
def test_less():
    done = run_python(PARITY, 'less', str(FIXTURES))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if 'tolerance' in line]
    assert len(lines) > 300 and 'FAILED' not in done.stdout
    for name in ('less_eval logits', 'less_grads head64/input_conv.0.weight',
                 'less_train buffer/', 'less_val iou', 'less_losses c/p2p',
                 'less_metric agg_miou', 'less_augment view/out_xyz'):
        assert any(line.startswith(name) for line in lines), name


@needs('lavt_tiny_w7.npz')
def test_semires():
    done = run_python(PARITY, 'semires', str(FIXTURES))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if 'tolerance' in line]
    assert len(lines) > 600 and 'FAILED' not in done.stdout
    for name in ('lavt_tiny_w7 logits', 'lavt_base_w12 stage4',
                 'lavt_base_w12 loss64_burnin_ce',
                 'lavt_base_w12_grads burnin64/backbone.norm2.weight',
                 'lavt_tiny_w7_train buffer/', 'metric_res precision_at',
                 'ema teacher3/', 'ema index_w12 repaired'):
        assert any(line.startswith(name) for line in lines), name


def test_views_of_another_size(tmp_path):
    """Fixtures of networks that take 24 x 40 pixels, not 480 x 480."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)
    mask = rng.random((30, 50)) < 0.3
    size, picture = (40, 24), Image.fromarray(image)  # width, height
    resized = picture.resize(size, Image.Resampling.BILINEAR)
    target = np.asarray(
        Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    blur = np.asarray(resized.filter(ImageFilter.GaussianBlur(1)))
    mean = np.array([123.675, 116.28, 103.53])[:, None, None] / 255
    std = np.array([58.395, 57.12, 57.375])[:, None, None] / 255
    base, weak = ((np.asarray(x).transpose(2, 0, 1) / 255 - mean) / std
                  for x in (resized, blur))
    strong = ((base - mean) / std)[:, ::4, ::4]
    data = {
        'image': image, 'mask': np.packbits(mask), 'mask_hw': mask.shape,
        'resized_u8': resized, 'resized_mask': np.packbits(target),
        'target_sum': target.sum(), 'base_sub': base[:, ::2, ::2],
        'base_checksum': [base.sum(), (base**2).sum()],
        'blur_u8': blur.transpose(2, 0, 1),
        'weak_blur_sub': weak[:, ::4, ::4], 'strong_nojitter_sub': strong,
    }  # yapf: disable
    for name in ('strong_jitter0', 'strong_jitter1'):  # without any step
        data.update({
            f'{name}/order': np.zeros(0, int),
            f'{name}/brightness_contrast_saturation_hue': np.zeros(0),
            f'{name}/out_sub': strong,
        })
    np.savez(tmp_path / 'transforms.npz', **data)
    report = Report()
    parity_semires_data.check(tmp_path, report)
    assert report.count == 10 and not report.failed


@pytest.mark.parametrize('system, file', [('less', 'less_config.json'),
                                          ('semires', 'lavt_config.json')])
def test_missing_fixtures(tmp_path, system, file):
    done = run_python(PARITY, system, str(tmp_path))
    assert done.returncode == 2
    assert file in done.stderr


class TestReport:

    @pytest.mark.parametrize('method, passing, failing', [
        ('absolute', [1.0, 2.05], [1.0, 2.2]),
        ('relative', [1.0, 2.15], [1.15, 2.0]),
        ('relative_l2', [1.2, 2.0], [1.0, 2.3]),
    ])
    def test_tolerances(self, method, passing, failing, capsys):
        report = Report()
        getattr(report, method)('one', passing, [1.0, 2.0], 0.1)
        assert report.failed == []
        getattr(report, method)('two', torch.tensor(failing), [1.0, 2.0], 0.1)
        assert report.failed == ['two'] and report.count == 2
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].endswith('ok') and lines[1].endswith('FAILED')

    def test_exact(self):
        report = Report()
        report.exact('same', [1, 2], np.array([1, 2]))
        report.exact('other', [1, 2], [1, 3])
        assert report.failed == ['other']

    def test_nan_fails(self):
        report = Report()
        report.absolute('nan', [float('nan')], [1.], 1.)
        assert report.failed == ['nan']

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match=r'a: shape \(1,\)'):
            Report().absolute('a', [1.], [1., 2.], 1.)


def test_parameters_of_the_rule():
    """Scales of the generated weights; the numbers come from the name."""
    kernel = parameter('unet.conv.2.weight', (64, 2, 2, 2, 32), 0)
    assert kernel.dtype == np.float32
    assert kernel.std() == pytest.approx(1.5 / 16, rel=0.05)
    assert np.array_equal(
        kernel, parameter('unet.conv.2.weight', (64, 2, 2, 2, 32), 0))
    assert not np.array_equal(
        kernel, parameter('unet.conv.2.weight', (64, 2, 2, 2, 32), 1))
    assert (parameter('a.running_var', (500, ), 0) >= 0.5).all()
    assert parameter('norm.weight', (500, ), 0).mean() == pytest.approx(
        1, abs=0.02)
    assert parameter('norm.bias', (500, ), 0).mean() == pytest.approx(
        0, abs=0.02)
    one = parameter('i_branch.0.weight', (64, 1, 1, 1, 100), 0)
    assert one.std() == pytest.approx(0.1, rel=0.05)
