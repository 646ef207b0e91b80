"""The networks of SemiRES: LAVT, and the teacher and the student of it."""
from .language_gate import LanguageGate
from .lavt import LAVT
from .lavt_head import LAVTHead
from .multimodal_swin import MultiModalSwin
from .no_target_head import NoTargetHead
from .prompted_referring import PromptedReferring
from .pwam import PWAM
from .referring_segmentor import ReferringSegmentor
from .semires import PseudoLabels, SemiRES

__all__ = [
    'LAVT', 'LAVTHead', 'LanguageGate', 'MultiModalSwin', 'NoTargetHead',
    'PWAM', 'PromptedReferring', 'PseudoLabels', 'ReferringSegmentor',
    'SemiRES'
]
