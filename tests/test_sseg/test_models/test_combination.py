import pytest
import torch
import torch.nn.functional as F

from mmlangseg.sseg.models import combine, combine_resized
from mmlangseg.sseg.models.prediction import add_background


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(0)
    probs = torch.randn(2, 5, 3, generator=random).softmax(2)
    masks = 3 * torch.randn(2, 5, 4, 6, generator=random)
    return probs, masks


def naive(probs, masks, mode):
    out = torch.zeros(len(probs), probs.shape[2], *masks.shape[2:])
    for b in range(len(probs)):
        for y in range(masks.shape[2]):
            for x in range(masks.shape[3]):
                weights = masks[b, :, y, x].sigmoid()
                if mode == 'hard':
                    out[b, :, y, x] = probs[b, int(weights.argmax())]
                    continue
                if mode == 'normalized':
                    weights = weights / weights.sum()
                for q, weight in enumerate(weights):
                    out[b, :, y, x] += weight * probs[b, q]
    return out


@pytest.mark.parametrize('mode', ['maskformer', 'normalized', 'hard'])
def test_equals_the_loop(data, mode):
    torch.testing.assert_close(combine(*data, mode), naive(*data, mode))


def test_equals_mmseg(data):
    """MaskFormerHead.predict, given the logarithm as class scores and one
    more class, which it drops."""
    mmseg_head = pytest.importorskip(
        'mmseg.models.decode_heads.maskformer_head')
    probs, masks = data
    scores = torch.cat([probs / 2, probs.new_full((2, 5, 1), 0.5)], 2).log()
    head = mmseg_head.MaskFormerHead.__new__(mmseg_head.MaskFormerHead)
    torch.nn.Module.__init__(head)
    head.forward = lambda x, samples: ([scores], [masks])
    metas = [dict(img_shape=(8, 12))] * 2
    expected = 2 * head.predict((), metas, None)
    torch.testing.assert_close(
        combine_resized(probs, masks, (8, 12), 'maskformer'), expected)


def test_upsampling_before_and_after(data):
    probs, masks = data
    for mode in ('maskformer', 'normalized', 'hard'):
        before = combine_resized(probs, masks, (9, 13), mode)
        enlarged = F.interpolate(masks, size=(9, 13), mode='bilinear')
        torch.testing.assert_close(before, naive(probs, enlarged, mode))
        after = combine_resized(probs, masks, (9, 13), mode, 'probabilities')
        expected = F.interpolate(
            naive(probs, masks, mode), size=(9, 13), mode='bilinear')
        torch.testing.assert_close(after, expected)


@pytest.mark.parametrize('upsample', ['masks', 'probabilities'])
def test_infinite_logits(data, upsample):
    """As half precision has them: NaN would be the first class, or spread to
    pixels beside."""
    probs, masks = data
    masks[0, :, 1, 2] = -torch.inf  # of no mask
    masks[1, 3, 2] = torch.inf
    masks[1, 4, 2] = -torch.inf
    for size in ((4, 6), (9, 13)):
        total = combine_resized(
            probs, masks, size, 'normalized', upsample=upsample).sum(1)
        torch.testing.assert_close(total, torch.ones(2, *size))
    torch.testing.assert_close(
        combine(probs, masks, 'normalized')[0, :, 1, 2], probs[0].mean(0))
    torch.testing.assert_close(
        combine(probs, masks, 'normalized')[1, :, 2, 0],
        naive(probs, masks, 'normalized')[1, :, 2, 0])


def test_probabilities_stay_so_where_no_mask_is(data):
    probs, masks = data
    for shift in (-200., 200.):
        for mode in ('normalized', 'hard'):
            total = combine(probs, masks + shift, mode).sum(1)
            torch.testing.assert_close(total, torch.ones_like(total))


def test_one_pixel_one_mask_one_class():
    out = combine_resized(torch.ones(1, 1, 1), torch.zeros(1, 1, 1, 1), (1, 1))
    assert out.shape == (1, 1, 1, 1) and out.item() == 1


def test_bad_modes(data):
    with pytest.raises(ValueError, match='combination must be one of'):
        combine(*data, 'sum')
    with pytest.raises(ValueError, match="'masks' or 'probabilities'"):
        combine_resized(*data, (8, 8), upsample='logits')
    with pytest.raises(ValueError, match='background_rule must be one of'):
        add_background(data[0][..., None], 'max', 0.5)


def test_constant_background_wins_below_the_threshold(data):
    probs = combine(*data)
    best, label = probs.max(1)
    threshold = float(best.median())
    whole = add_background(probs, 'constant', threshold)
    assert whole.shape == (2, 4, 4, 6)
    expected = torch.where(best > threshold, label + 1, 0)
    assert (whole.argmax(1) == expected).all()
    assert 0 < (expected == 0).sum() < expected.numel()


def test_groupvits_background(data):
    probs = combine(*data)
    best = probs.amax(1)
    for threshold in (0.5, 2.):
        background = add_background(probs, 'groupvit', threshold)[:, 0]
        for image, result in zip(best, background):
            limit = min(threshold, image.max())
            assert (result == (image < limit).float()).all()
        # a class stays even if nothing reaches the threshold
        assert (background.flatten(1).amin(1) == 0).all()
