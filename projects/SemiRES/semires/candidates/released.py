"""Candidate files as the released SemiRES code writes and reads them."""
from __future__ import annotations

from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import PathLike
from .candidates import Candidates
from .rle import encode_start_length


def read_released(path: PathLike) -> Candidates:
    """Read ``<ref_id>.json``: the candidates of one image, without scores.

    The file is a list of ``{"counts": [start, length, ...], "size": [H, W]}``
    with starts from 1 in column-major order, at the size of the image.

    Raises:
        ValueError: The file is damaged, or the list is empty, which leaves
            the size open.
    """
    try:
        items = load_json(path)
        if not isinstance(items, list) or not items:
            raise ValueError('it is not a list of masks')
        rles = []
        for i, item in enumerate(items):
            try:
                rles.append(encode_start_length(item['counts'], item['size']))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f'mask {i}: {error!r}') from error
        return Candidates.from_rles(rles, rles[0]['size'])
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'{path} is not a released candidate file: {error}. Leave it out, '
            'or make the candidates of its image with --source') from error
