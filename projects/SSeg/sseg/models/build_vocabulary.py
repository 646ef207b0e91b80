from __future__ import annotations

from .vocabulary import Vocabulary


def build_vocabulary(config: dict | Vocabulary) -> Vocabulary:
    """Build the vocabulary that a config describes.

    Args:
        config (dict | Vocabulary): Arguments of :class:`Vocabulary`, of which
            ``dataset='voc21'``, and for some ``classes_file``, stand for the
            classes, prompt names and background of a benchmark; see
            :func:`mmlangseg.sseg.datasets.dataset_vocabulary`.
    """
    if isinstance(config, Vocabulary):
        return config
    config = dict(config)
    if 'dataset' in config:
        from ..datasets import dataset_vocabulary
        known = dataset_vocabulary(
            config.pop('dataset'), config.pop('classes_file', None))
        config = {**known, **config}
    return Vocabulary(**config)
