from .cache import CandidateCache, CandidateCacheError
from .candidates import Candidates
from .draw import draw_candidates
from .huggingface_sam import HuggingFaceSAM
from .onnx_sam import OnnxSAM
from .prompted_objects import PromptedObjects
from .regions import ImageRegions
from .released import read_released
from .rle import RESIZE_RULES
from .segment_anything import SegmentAnything
from .source import CANDIDATE_SOURCES, CandidateSource

__all__ = [
    'CANDIDATE_SOURCES', 'CandidateCacheError', 'CandidateCache',
    'CandidateSource', 'Candidates', 'HuggingFaceSAM', 'ImageRegions',
    'OnnxSAM', 'PromptedObjects', 'RESIZE_RULES', 'SegmentAnything',
    'draw_candidates', 'read_released'
]
