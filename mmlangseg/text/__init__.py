from .features import TextFeatures
from .gru import GRUTextEncoder
from .huggingface import HuggingFaceTextEncoder
from .pooling import POOLING_MODES, pool_tokens
from .pretrained_option import use_pretrained_encoders
from .pretrained_text_constructor import PretrainedTextConstructor
from .pretrained_text_hook import PretrainedTextHook
from .saved_words import use_saved_words
from .unknown_words import describe_unknown, unknown_words
from .unknown_words_hook import UnknownWordsHook
from .words import split_words, write_vocabulary

__all__ = [
    'GRUTextEncoder', 'HuggingFaceTextEncoder', 'POOLING_MODES',
    'PretrainedTextConstructor', 'PretrainedTextHook', 'TextFeatures',
    'UnknownWordsHook', 'describe_unknown', 'pool_tokens', 'split_words',
    'unknown_words', 'use_pretrained_encoders', 'use_saved_words',
    'write_vocabulary'
]
