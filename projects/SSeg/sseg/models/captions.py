"""Texts of a batch."""
from __future__ import annotations
from typing import Sequence

from mmseg.structures import SegDataSample


def batch_captions(data_samples: Sequence[SegDataSample]) -> list[str]:
    """The caption of every sample, metainfo ``text``.

    Raises:
        ValueError: A sample has none.
    """
    for sample in data_samples:
        if not isinstance(sample.get('text'), str):
            raise ValueError(f'{_name(sample)} has no caption: add \'text\' '
                             'to `meta_keys` of PackSegInputs')
    return [sample.text for sample in data_samples]


def batch_prompts(data_samples: Sequence[SegDataSample]) -> list[list[str]]:
    """The prompts of every sample, metainfo ``prompts``.

    Raises:
        ValueError: A sample has none, or not as many as the others.
    """
    counts = {}
    for sample in data_samples:
        prompts = sample.get('prompts')
        if not prompts or isinstance(prompts, str):
            raise ValueError(
                f'{_name(sample)} has no prompts, which the multi-label loss '
                "needs: add 'prompts' to `meta_keys` of PackSegInputs, and a "
                'transform that makes them to the pipeline')
        counts[len(prompts)] = _name(sample)
    if len(counts) > 1:
        raise ValueError('the samples of a batch must have as many prompts as '
                         f'each other, but: {counts}')
    return [list(sample.prompts) for sample in data_samples]


def _name(sample: SegDataSample) -> str:
    return str(sample.get('img_path') or sample.get('key'))
