from .features import TextFeatures
from .gru import GRUTextEncoder
from .huggingface import HuggingFaceTextEncoder
from .saved_words import use_saved_words
from .words import split_words, write_vocabulary

__all__ = [
    'GRUTextEncoder', 'HuggingFaceTextEncoder', 'TextFeatures', 'split_words',
    'use_saved_words', 'write_vocabulary'
]
