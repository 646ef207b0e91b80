"""Public networks of transformers that segment what a text says."""
from .clipseg import CLIPSegNetwork
from .prompted_network import ImageFeatures, Objects, PromptedNetwork, Prompts
from .public_config import public_config
from .sam3 import SAM3Network

__all__ = [
    'CLIPSegNetwork', 'ImageFeatures', 'Objects', 'PromptedNetwork', 'Prompts',
    'SAM3Network', 'public_config'
]
