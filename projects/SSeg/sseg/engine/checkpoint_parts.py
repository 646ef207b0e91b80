from __future__ import annotations

from torch import nn

from mmlangseg.engine import CheckpointError, require_matching_checkpoint

# what makes the space of images and texts
_PARTS = ('text_encoder', 'text_projection', 'visual_projection')


def require_own_parts(model: nn.Module, state_dict: dict, prefix: str) -> None:
    """Refuse a checkpoint of which a part was made by another config.

    MMEngine would keep random weights where names or shapes differ, and leave
    out what has no place. A checkpoint without a part, such as that of a
    backbone, passes; so does one with another head, to begin a training with.
    Tools that test check everything, see :func:`require_matching_checkpoint`.

    Args:
        model (nn.Module): With some of the parts.
        state_dict (dict): What is to be loaded.
        prefix (str): Of the model's names in it.

    Raises:
        CheckpointError: A weight of a part is missing, has another size, or
            has no place in the model.
    """
    for part in _PARTS:
        module = getattr(model, part, None)
        start = f'{prefix}{part}.'
        saved = {
            name.removeprefix(start): value
            for name, value in state_dict.items() if name.startswith(start)
        }
        if module is None or not saved:
            continue
        try:
            require_matching_checkpoint(module, saved)
        except CheckpointError as error:
            raise CheckpointError(
                f'model.{part}: {error}. To begin with its backbone only: '
                "model.backbone.init_cfg=dict(type='Pretrained', "
                "checkpoint=FILE, prefix='backbone.')") from None
