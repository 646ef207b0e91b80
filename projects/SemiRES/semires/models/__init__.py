from .cpi import CPI
from .iom import IOM
from .keep_pseudo_label import KeepPseudoLabel
from .language_gate import LanguageGate
from .lavt import LAVT
from .lavt_head import LAVTHead
from .multimodal_swin import MultiModalSwin
from .prompted_referring import PromptedReferring
from .pwam import PWAM
from .referring_segmentor import ReferringSegmentor
from .refinement import Refinement
from .semires import PseudoLabels, SemiRES

__all__ = [
    'CPI', 'IOM', 'KeepPseudoLabel', 'LAVT', 'LAVTHead', 'LanguageGate',
    'MultiModalSwin', 'PWAM', 'PromptedReferring', 'PseudoLabels',
    'ReferringSegmentor', 'Refinement', 'SemiRES'
]
