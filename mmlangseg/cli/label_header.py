"""What the header of a folder of labels says of the model that made them."""
from __future__ import annotations
import sys
from pathlib import Path


def with_weights(path: Path, known: dict, wanted: dict) -> dict:
    """The header of a folder, with ``sha256`` of the weights that would go on.

    Earlier versions did not say of which weights labels were: such a header
    takes those of now, which is warned of.

    Args:
        path: Of the header, for the warning.
        known: What it holds.
        wanted: The header of the labels that are to be made.
    """
    if 'sha256' not in wanted or 'sha256' in known:
        return known
    print(
        f'warning: {path} does not say of which weights the labels are, so '
        'that this is not checked',
        file=sys.stderr,
        flush=True)
    return dict(known, sha256=wanted['sha256'])
