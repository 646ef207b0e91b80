import numpy as np
import pytest

from mmlangseg.visualization.header import ALARM, add_header, wrap


class CountingFont:
    """Seven pixels a letter. Fails in place of an endless loop."""
    calls = 0

    def getlength(self, text: str) -> int:
        self.calls += 1
        assert self.calls < 1000, 'wrap() does not end'
        return 7 * len(text)


def test_wrap_at_spaces():
    assert wrap('the red  ball', CountingFont(), 56) == ['the red', 'ball']
    assert wrap(' ', CountingFont(), 56) == []


def test_wrap_within_long_words():
    lines = wrap('a photograph', CountingFont(), 28)
    assert lines == ['a', 'phot', 'ogra', 'ph']


@pytest.mark.parametrize('width', [7, 6, 0, -10])
def test_wrap_where_not_even_a_letter_fits(width):
    assert wrap('ab c', CountingFont(), width) == ['a', 'b', 'c']


@pytest.mark.parametrize('width', [1, 28, 30, 200])
def test_headers_of_small_pictures(width):
    image = np.full((5, width, 3), 7, np.uint8)
    result = add_header(image, 'a cat', 'IoU 50', [('cat', (255, 0, 0))])
    assert result.shape[1] == width and len(result) > 5
    assert (result[-5:] == 7).all()


@pytest.mark.parametrize('width', [1, 30, 200])
def test_warning_below_everything(width):
    image = np.full((5, width, 3), 7, np.uint8)
    plain = add_header(image, 'a cat', 'IoU 50', [('cat', (255, 0, 0))])
    result = add_header(
        image,
        'a cat',
        'IoU 50', [('cat', (255, 0, 0))],
        warning='a word ' * 200)
    below = len(plain) - 5 - 14  # image and margin
    assert (result[:below] == plain[:below]).all()
    assert (result[-5:] == 7).all()
    # four lines at most
    assert len(plain) < len(result) <= len(plain) + 4 * 20
    if width == 200:
        rows = np.flatnonzero((result == ALARM).all(-1).any(1))
        assert len(rows) and rows.min() >= below
        assert not (plain == ALARM).all(-1).any()
