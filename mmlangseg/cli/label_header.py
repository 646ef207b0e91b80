"""What the header of a folder of labels says of the model that made them."""
from __future__ import annotations
import copy
import json
import sys
from pathlib import Path

from mmengine.config import Config

from mmlangseg.apis.images import image_steps
from mmlangseg.engine.training_parts import drop_training_parts
from mmlangseg.io.digest import digests_of, sha256_of

# Fields that earlier versions did not write, and what they say.
_LATER = dict(
    sha256='of which weights the labels are',
    settings_sha256="of which words and settings of the network's folder",
    settings='how images were prepared and the model was set')
# Settings of models that stand elsewhere in a header, or change no label.
_APART = ('type', 'vocabulary', 'background_threshold', 'pretrained',
          'keep_probabilities', 'loss_scale', 'sup_weight')


def describe_model(config: Config, checkpoint: str | None) -> dict:
    """What the labels of a model depend on besides the question.

    Args:
        config: Of the model.
        checkpoint: File of its weights or their URL; None for a public model.

    Returns:
        dict: ``checkpoint``, a digest of the file, the URL, or the name of
        the public model, of a folder :func:`digests_of`; and ``settings``,
        the pipeline of the images and what of the model's config says more
        than its weights. JSON values.
    """
    model = copy.deepcopy(config.model)
    drop_training_parts(model)
    header: dict = dict(checkpoint=checkpoint or model.pretrained)
    if checkpoint and Path(checkpoint).is_file():
        # a later training may have replaced it
        header['checkpoint'] = sha256_of(checkpoint)[:16]
    elif not checkpoint:
        header.update(digests_of(model.pretrained))
    settings = {
        name: value
        for name, value in model.items() if name not in _APART and (
            name == 'pseudo_mask_generator' or not _is_module(value))
    }
    settings['pipeline'] = image_steps(config)
    header['settings'] = json.loads(  # no tuples
        json.dumps(settings, default=str))
    return header


def _is_module(value: object) -> bool:
    """Whether this is the config of a part of the model, which has weights;
    only what divides an image has none."""
    return isinstance(value, dict) and 'type' in value


def with_later(path: Path, known: dict, wanted: dict) -> dict:
    """The header of a folder, with the fields of the labels that would go on
    where an earlier version did not write them, which is warned of.

    Args:
        path: Of the header, for the warning.
        known: What it holds.
        wanted: The header of the labels that are to be made.
    """
    for name, meaning in _LATER.items():
        if name in wanted and name not in known:
            print(
                f'warning: {path} does not say {meaning}, so that this is '
                'not checked',
                file=sys.stderr,
                flush=True)
            known = dict(known, **{name: wanted[name]})
    return known
