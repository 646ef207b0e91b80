"""All kinds of files. To add one, add a :class:`Kind` to one of these."""
from __future__ import annotations

from .models import MODEL_KINDS
from .pairs import PAIR_KINDS
from .peers import PEER_KINDS
from .pictures import PICTURE_KINDS
from .scans import SCAN_KINDS

KINDS = (*SCAN_KINDS, *PICTURE_KINDS, *PAIR_KINDS, *MODEL_KINDS, *PEER_KINDS)
