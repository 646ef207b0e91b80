"""Building a GRU with the words of a checkpoint."""
from __future__ import annotations

from mmengine.runner import CheckpointLoader

from mmlangseg.engine import CheckpointError, plain_state
from .gru import has_word_vectors, words_of_state


def use_saved_words(model: dict,
                    checkpoint: str | dict,
                    source: str = 'the checkpoint') -> None:
    """Give each GRU of a model's config the words of a checkpoint.

    The file that they came from is then not needed, and may have changed. A
    checkpoint without words, and a model without GRU, change nothing.

    Args:
        model: Config of the model, which is changed.
        checkpoint: Its path, read only if there is a GRU; or its weights by
            name.
        source: The file of the weights, for the message.

    Raises:
        CheckpointError: Its words are damaged.
    """
    encoders = _find_encoders(model)
    if not encoders:
        return
    if isinstance(checkpoint, str):
        source = checkpoint
        checkpoint = plain_state(
            CheckpointLoader.load_checkpoint(checkpoint, 'cpu'), source)
    for key, config in encoders:
        for name, value in checkpoint.items():
            if name.endswith(f'{key}._extra_state'):
                prefix = name.removesuffix('_extra_state')
                vectors = checkpoint.get(f'{prefix}vectors.weight')
                try:
                    words = words_of_state(value, vectors, prefix)
                except ValueError as error:
                    raise CheckpointError(f'{source}: {error}') from None
                file = config.get('vocabulary')
                if isinstance(file, str) and has_word_vectors(file):
                    # a training that is resumed keeps their learning rate
                    config['pretrained_vectors'] = True
                config['vocabulary'] = words
                config['embed_dims'] = vectors.shape[1]


def _find_encoders(config: dict) -> list[tuple[str, dict]]:
    """Name and config of each GRU, however deep."""
    found = []
    for key, part in config.items():
        if isinstance(part, dict):
            found += _find_encoders(part)
            if str(part.get('type')).split('.')[-1] == 'GRUTextEncoder':
                found.append((key, part))
    return found
