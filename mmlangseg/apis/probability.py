"""Checking probabilities that users give."""
from __future__ import annotations
import argparse


def require_probability(value: float, name: str) -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: ``value``, which the message calls ``name``, is not from 0
            to 1.
    """
    if not 0 <= value <= 1:  # nan neither
        raise ValueError(f'{name}={value:g} must be from 0 to 1: it is '
                         'compared with probabilities')


def parse_probability(text: str) -> float:
    """Read a probability; a ``type`` of :mod:`argparse`.

    Raises:
        argparse.ArgumentTypeError: It is not a number from 0 to 1.
    """
    try:
        value = float(text)
        require_probability(value, text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} must be a number from 0 to 1: it is compared with '
            'probabilities') from None
    return value
