"""The two views of an unlabelled image."""
from __future__ import annotations

from mmseg.structures import SegDataSample


def require_same_place(weak: list[SegDataSample],
                       strong: list[SegDataSample]) -> None:
    """Refuse two views of which one is mirrored: the teacher's mask would lie
    on the wrong side of what the student sees.

    Args:
        weak (list[SegDataSample]): What the teacher sees, of length B.
        strong (list[SegDataSample]): What the student sees.

    Raises:
        ValueError: The flips of a pair differ.
    """
    for pair in zip(weak, strong):
        flips = [
            sample.get('flip') and (sample.get('flip_direction') or True)
            for sample in pair
        ]
        if (flips[0] or None) != (flips[1] or None):
            raise ValueError(
                f'{pair[0].get("img_path")}: the views of teacher and student '
                'are not mirrored alike, so that the mask of the one is none '
                'of the other: in the pipeline put the flip before '
                'mmdet.MultiBranch, not into a branch')
