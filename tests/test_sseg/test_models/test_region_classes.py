import pytest
import torch
import torch.nn.functional as F

from mmlangseg.sseg.models.prediction import classify_regions


@pytest.fixture
def data():
    """Regions of very different lengths, names of unit length."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 8, generator=random)
    lengths = torch.tensor([1., 3., 0.1, 2., 0.5])
    names = torch.randn(4, 8, generator=random)
    return features * lengths[:, None], F.normalize(names, dim=-1)


def naive(features, names, scale, similarity):
    out = torch.zeros(*features.shape[:2], len(names))
    for b, regions in enumerate(features):
        longest = max(float(region.norm()) for region in regions)
        for n, region in enumerate(regions):
            unit = float(region.norm()) if similarity == 'cosine' else longest
            logits = [scale * float(region @ name) / unit for name in names]
            out[b, n] = torch.tensor(logits).softmax(0)
    return out


@pytest.mark.parametrize('similarity', ['cosine', 'relative'])
def test_equals_the_loop(data, similarity):
    torch.testing.assert_close(
        classify_regions(*data, 10., similarity),
        naive(*data, 10., similarity))


def test_cosine_ignores_the_lengths(data):
    features, names = data
    torch.testing.assert_close(
        classify_regions(features, names, 10.),
        classify_regions(F.normalize(features, dim=-1), names, 10.))


def test_short_features_are_sure_of_nothing(data):
    features, names = data
    found = classify_regions(features, names, 10., 'relative')
    cosine = classify_regions(features, names, 10., 'cosine')
    longest = features.norm(dim=-1).argmax(1)
    images = torch.arange(2)
    torch.testing.assert_close(found[images, longest], cosine[images, longest])
    assert (found.amax(-1) <= cosine.amax(-1) + 1e-6).all()
    features[:, 2] = 0
    found = classify_regions(features, names, 10., 'relative')
    torch.testing.assert_close(found[:, 2], torch.full((2, 4), 0.25))
    nothing = classify_regions(torch.zeros(1, 3, 8), names, 10., 'relative')
    torch.testing.assert_close(nothing, torch.full((1, 3, 4), 0.25))


def test_images_do_not_matter_to_each_other(data):
    features, names = data
    features[1] *= 100
    torch.testing.assert_close(
        classify_regions(features, names, 10., 'relative')[:1],
        classify_regions(features[:1], names, 10., 'relative'))


def test_half_precision_is_left(data):
    features, names = data
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = classify_regions(features, names, 10., 'relative')
    assert found.dtype == torch.float32
    torch.testing.assert_close(
        found, classify_regions(features, names, 10., 'relative'))


def test_unknown_similarity(data):
    with pytest.raises(ValueError, match="similarity must be one of .*'dot'"):
        classify_regions(*data, 10., 'dot')
