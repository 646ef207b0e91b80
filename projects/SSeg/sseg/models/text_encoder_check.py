from __future__ import annotations

from torch import nn


def require_own_text_encoder(text_encoder: nn.Module, state_dict: dict,
                             prefix: str) -> None:
    """Refuse a checkpoint that was trained with another text encoder.

    MMEngine would keep random weights where names or shapes differ. A
    checkpoint without any text encoder, such as that of a backbone, passes.

    Args:
        text_encoder (nn.Module): The model's.
        state_dict (dict): What is to be loaded.
        prefix (str): Of the text encoder's names in it.

    Raises:
        ValueError: A weight is missing or has another shape.
    """
    if not any(name.startswith(prefix) for name in state_dict):
        return
    for name, own in text_encoder.named_parameters():
        saved = state_dict.get(prefix + name)
        if saved is None or saved.shape != own.shape:
            found = 'missing' if saved is None else tuple(saved.shape)
            raise ValueError(
                'the checkpoint was trained with another text encoder than '
                f'the {type(text_encoder).__name__} of this config: '
                f'{prefix}{name} should be {tuple(own.shape)}, but is '
                f'{found}. Give the config that it was trained with')
