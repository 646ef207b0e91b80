"""Per-sample work on scans with referring expressions."""
from .constant_sentence import ConstantSentence
from .jitter_scan_color import JitterScanColor
from .normalize_scan_color import NormalizeScanColor
from .pack_referring import PackReferring3DInputs
from .referring_augment import (ReferringAugment3D, apply_rigid_augmentation,
                                is_view_dependent)
from .referring_masks import BuildReferringMasks
from .sample_scan_points import SampleScanPoints

__all__ = [
    'BuildReferringMasks', 'ConstantSentence', 'JitterScanColor',
    'NormalizeScanColor', 'PackReferring3DInputs', 'ReferringAugment3D',
    'SampleScanPoints', 'apply_rigid_augmentation', 'is_view_dependent'
]
