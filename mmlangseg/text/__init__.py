from .features import TextFeatures
from .gru import GRUTextEncoder
from .huggingface import HuggingFaceTextEncoder
from .pooling import POOLING_MODES, pool_tokens
from .saved_words import use_saved_words
from .words import split_words, write_vocabulary

__all__ = [
    'GRUTextEncoder', 'HuggingFaceTextEncoder', 'POOLING_MODES',
    'TextFeatures', 'pool_tokens', 'split_words', 'use_saved_words',
    'write_vocabulary'
]
