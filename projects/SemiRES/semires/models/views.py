"""The two views of an unlabelled image, and its candidates."""
from __future__ import annotations

from mmseg.structures import SegDataSample


def require_same_place(weak: list[SegDataSample],
                       strong: list[SegDataSample]) -> None:
    """Refuse two views of which one is mirrored, or of another size: the
    teacher's mask would lie beside what the student sees.

    Args:
        weak (list[SegDataSample]): What the teacher sees, of length B.
        strong (list[SegDataSample]): What the student sees.

    Raises:
        ValueError: The flips or the sizes of a pair differ.
    """
    for pair in zip(weak, strong):
        flips = [
            sample.get('flip') and (sample.get('flip_direction') or True)
            for sample in pair
        ]
        sizes = [tuple(sample.get('img_shape', ()))[:2] for sample in pair]
        for kind, one, other, step in (('mirrored alike', flips[0]
                                        or None, flips[1] or None, 'flip'),
                                       ('of one size', *sizes,
                                        'crop or resize')):
            if one != other:
                raise ValueError(
                    f'{pair[0].get("img_path")}: the views of teacher and '
                    f'student are not {kind}, so that the mask of the one is '
                    f'none of the other: in the pipeline put the {step} '
                    'before mmdet.MultiBranch, not into a branch')


def require_same_side(data_samples: list[SegDataSample]) -> None:
    """Refuse an image that was flipped without its candidates.

    Raises:
        ValueError: A transform that does not know them has flipped it.
    """
    for sample in data_samples:
        candidates = sample.get('candidates')
        if candidates is not None and 'flip' in sample and \
                bool(sample.flip) != candidates.mirrored:
            raise ValueError(
                f'{sample.get("img_path")}: the image was flipped, but not '
                'its mask candidates: put LoadMaskCandidates behind the '
                'flip, or flip by RandomReferringFlip')
