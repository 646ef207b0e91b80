import argparse

import pytest

from mmlangseg.apis.probability import parse_probability, require_probability


def test_probabilities_are_taken():
    for text in ('0', '0.25', '1', '1e-3'):
        assert parse_probability(text) == float(text)
        require_probability(float(text), 'threshold')


@pytest.mark.parametrize('text', ['2', '-0.1', 'nan', 'inf', '50 %', ''])
def test_others_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match='from 0 to 1'):
        parse_probability(text)


@pytest.mark.parametrize('value', [1.01, -1, float('nan')])
def test_the_message_has_name_and_value(value):
    message = f'threshold={value:g} must be from 0 to 1'
    with pytest.raises(ValueError, match=message):
        require_probability(value, 'threshold')
