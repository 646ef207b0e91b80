from .features import TextFeatures
from .gru import GRUTextEncoder
from .huggingface import HuggingFaceTextEncoder

__all__ = ['GRUTextEncoder', 'HuggingFaceTextEncoder', 'TextFeatures']
