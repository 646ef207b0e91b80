from __future__ import annotations
import inspect

from mmengine.logging import print_log

from .huggingface import HuggingFaceTextEncoder

# They take no pretrained encoder.
_FROM_SCRATCH = ('GRUTextEncoder', 'CLIPTextTransformer')


def use_pretrained_encoders(model: dict) -> None:
    """Let one option name a pretrained text encoder, whatever the config has.

    A text encoder that is learned from scratch and has got a ``pretrained``
    all the same, by ``--cfg-options model.text_encoder.pretrained=DIR`` or by
    a config over another one, becomes a :class:`HuggingFaceTextEncoder`.

    Args:
        model (dict): Config of the model, which is changed.
    """
    for key, part in model.items():
        if not isinstance(part, dict):
            continue
        use_pretrained_encoders(part)
        kind = str(part.get('type')).split('.')[-1]
        if kind in _FROM_SCRATCH and part.get('pretrained'):
            known = inspect.signature(HuggingFaceTextEncoder).parameters
            for name in [n for n in part if n not in known]:
                del part[name]
            part['type'] = HuggingFaceTextEncoder.__name__
            print_log(
                f'{key}.pretrained={part["pretrained"]}: '
                f'{part["type"]} takes the place of {kind}', 'current')
