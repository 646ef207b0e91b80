"""Convert a checkpoint of the released LAVT or SemiRES code for LAVT here.

Teachers trained by the released SemiRES code carry damaged tables of relative
positions, because its moving average rounds integers down. The tables are
repaired unless --keep-index is given.
"""
from __future__ import annotations
import argparse
import math
import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE.parents[1] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[1]))
sys.path.insert(0, str(HERE))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('checkpoint', help='file of the released code (.pth)')
    parser.add_argument('output', help='checkpoint to write')
    parser.add_argument(
        '--keep-index',
        action='store_true',
        help='keep damaged tables of relative positions')
    return parser.parse_args()


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import torch
from checkpoint_io import find_weights, report, save_checkpoint
from mmseg.models.backbones.swin import WindowMSA
from torch import Tensor

from mmlangseg.compat.loading import load_from_local
from mmlangseg.engine.swin_names import rename_swin, reorder_swin

_BERT = 'bert_model.'
_INDEX = '.relative_position_index'
_STAGE = re.compile(r'backbone\.layers\.(\d+)\.(res_gate\.)?')
# Pattern of the released name, ours; the first that matches counts. None:
# nothing is computed with it.
_RENAMES = [(re.compile(pattern), new) for pattern, new in (
    (r'bert_model\.pooler\..*', None),
    (r'bert_model\.embeddings\.position_ids', None),
    (r'bert_model\.', 'text_encoder.encoder.'),
    (r'backbone\.layers\.(\d+)\.fusion\.vis_project\.0\.',
     r'backbone.fusions.\1.image.0.'),
    (r'backbone\.layers\.(\d+)\.fusion\.image_lang_att\.f_query\.0\.',
     r'backbone.fusions.\1.query.'),
    (r'backbone\.layers\.(\d+)\.fusion\.image_lang_att\.f_key\.0\.',
     r'backbone.fusions.\1.key.'),
    (r'backbone\.layers\.(\d+)\.fusion\.image_lang_att\.f_value\.0\.',
     r'backbone.fusions.\1.value.'),
    (r'backbone\.layers\.(\d+)\.fusion\.image_lang_att\.W\.0\.',
     r'backbone.fusions.\1.language.'),
    (r'backbone\.layers\.(\d+)\.fusion\.project_mm\.0\.',
     r'backbone.fusions.\1.out.0.'),
    (r'backbone\.layers\.(\d+)\.res_gate\.', r'backbone.gates.\1.gate.'),
    (r'backbone\..*\.attn_mask', None),
    (r'classifier\.conv1_1\.', 'decode_head.conv_seg.'),
)]
_SWIN = re.compile(r'backbone\.(?=layers\.\d+\.(?:blocks|downsample)\.|'
                   r'patch_embed\.|norm\d\.|absolute_pos_embed)')
# conv{1,2}_{4,3,2}: first or second convolution that joins level 4 with 3 ...
_DECODER = re.compile(r'classifier\.(conv|bn)([12])_([432])\.')


def rename(name: str) -> str | None:
    """Our name of a released weight; None if nothing is computed with it.

    The gate of the last stage has a name here, although nothing follows it.

    Raises:
        KeyError: The name does not occur in the released model.
    """
    for pattern, new in _RENAMES:
        match = pattern.match(name)
        if match:
            return None if new is None else \
                match.expand(new) + name[match.end():]
    match = _DECODER.match(name)
    if match:
        kind, order, level = match.groups()
        return (f'decode_head.levels.{4 - int(level)}.{int(order) - 1}.{kind}.'
                f'{name[match.end():]}')
    match = _SWIN.match(name)
    if match:
        return 'backbone.' + rename_swin(name[match.end():])
    raise KeyError(f'{name!r} is no weight of the released LAVT model')


def rearrange(name: str, value: Tensor) -> Tensor:
    """Bring the axes of a released weight, by its name, into our order."""
    if '.fusion.' in name and value.dim() == 3:  # convolution of length 1
        return value.squeeze(-1)
    return reorder_swin(name, value)


def convert(weights: dict[str, Tensor],
            keep_index: bool = False) -> dict[str, Tensor]:
    """Rename and rearrange the weights.

    Args:
        weights (dict[str, Tensor]): Released names to tensors.
        keep_index (bool): Keep damaged tables of relative positions, to get
            the results of the released code.

    Returns:
        dict[str, Tensor]: Our names to tensors.
    """
    stages = {name: _STAGE.match(name) for name in weights}
    last = max((int(stage[1]) for stage in stages.values() if stage),
               default=None)
    dropped, converted = [], {}
    for name, value in weights.items():
        new, stage = rename(name), stages[name]
        if new is None or stage and stage[2] and int(stage[1]) == last:
            dropped.append(name)
        else:
            converted[new] = rearrange(name, value)
    report(dropped, 'nothing is computed with them')
    _check_indices(converted, keep_index)
    return converted


def _check_indices(weights: dict[str, Tensor], keep: bool) -> None:
    """Find damaged tables of relative positions, and repair them."""
    damaged = {}
    for name, index in weights.items():
        if name.endswith(_INDEX):
            right = relative_position_index(index)
            if not torch.equal(index, right):
                damaged[name] = right
    if not damaged:
        return
    name, right = next(iter(damaged.items()))
    count = int((weights[name] != right).sum())
    warnings.warn(
        f'{len(damaged)} tables of relative positions are damaged, by the '
        'moving average of the released SemiRES code (in the first, '
        f'{count} of {right.numel()} entries). ' +
        ('They are kept, as the released code reads them' if keep else
         'They are repaired; with the option --keep-index they are kept, '
         'and the results are those of the released code'),
        stacklevel=3)
    if not keep:
        weights.update(damaged)


def relative_position_index(like: Tensor) -> Tensor:
    """The right table for the window of a table (w^2, w^2)."""
    side = math.isqrt(len(like))
    window = WindowMSA(embed_dims=1, num_heads=1, window_size=(side, side))
    return window.relative_position_index.to(like.dtype)


def load_released(path: str | Path) -> dict[str, Tensor]:
    """Read a checkpoint, with BERT from its own entry if there is one.

    The released code also stores its command line, an ``argparse.Namespace``:
    that plain container is let through.
    """
    with torch.serialization.safe_globals([argparse.Namespace]):
        content = load_from_local(str(path), map_location='cpu')
    weights = find_weights(content, path)
    if isinstance(content, dict) and 'bert_model' in content:
        text = find_weights(content['bert_model'], path)
        weights.update({_BERT + name: value for name, value in text.items()})
    if not any(name.startswith(_BERT) for name in weights):
        warnings.warn(
            f'{path} has no text encoder (bert_model); the model starts with '
            "that of its config's `pretrained`")
    return weights


def main() -> None:
    args = parse_args()
    try:
        weights = convert(load_released(args.checkpoint), args.keep_index)
    except KeyError as error:
        sys.exit(f'error: {args.checkpoint}: {error.args[0]}')
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f'error: {error}')
    save_checkpoint(args.output, weights,
                    dict(source='LAVT', checkpoint=Path(args.checkpoint).name))
    print(f'{args.output}: {len(weights)} tensors')


if __name__ == '__main__':
    main()
