from .features import TextFeatures
from .gru import GRUTextEncoder
from .huggingface import HuggingFaceTextEncoder
from .words import split_words, write_vocabulary

__all__ = [
    'GRUTextEncoder', 'HuggingFaceTextEncoder', 'TextFeatures', 'split_words',
    'write_vocabulary'
]
