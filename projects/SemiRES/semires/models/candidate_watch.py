"""A remark where no unlabelled image has mask candidates."""
from __future__ import annotations
import logging
from collections.abc import Sequence

from mmengine.logging import print_log
from mmseg.structures import SegDataSample

_ENOUGH = 100  # images that a cache lacks in a row


class CandidateWatch:
    """Warns once when the first images all lack an entry in the cache.

    Single images may lack one, whose masks stay as the teacher makes them. A
    cache of other images lacks all of them, so that nothing is refined, and
    only a share of 0 in the log would tell.
    """

    def __init__(self) -> None:
        self._lacking: int | None = 0  # None when there is nothing to say

    def __call__(self, data_samples: Sequence[SegDataSample]) -> None:
        """Look at unlabelled images, metainfo ``candidates``."""
        if self._lacking is None:
            return
        if any(sample.candidates is not None for sample in data_samples):
            self._lacking = None
            return
        self._lacking += len(data_samples)
        if self._lacking >= _ENOUGH:
            print_log(
                f'none of the first {self._lacking} unlabelled images, such '
                f'as {data_samples[-1].get("img_path")}, has mask candidates, '
                'so that no pseudo-label is refined: is the cache of '
                'LoadMaskCandidates that of these images, with their ids? '
                'LoadMaskCandidates(required=True) makes it an error',
                'current', logging.WARNING)
            self._lacking = None
