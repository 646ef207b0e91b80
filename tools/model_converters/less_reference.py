"""Convert a checkpoint of the released LESS code for the model here.

The result belongs to ``configs/less/less_scanrefer_reference.py``, whose model
computes what the released code does.
"""
from __future__ import annotations
import argparse
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
        '--seed',
        type=int,
        default=0,
        help='for the word projections, which the file lacks')
    return parser.parse_args()


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import torch
from checkpoint_io import load_weights, report, save_checkpoint
from torch import Tensor

# Pattern of the released name, ours; the first that matches counts. None:
# the released code computes nothing with it.
_RENAMES = [(re.compile(pattern), new) for pattern, new in (
    (r'language_encoder\.pooler\..*', None),
    (r'language_encoder\.', 'text_encoder.encoder.'),
    (r'(input_conv|output_layer)\.', r'backbone.\1.'),
    (r'(unet\.(?:u\.)*)pwca\.mlp\.0\.', r'backbone.\1fusion.mlp.'),
    (r'(unet\.(?:u\.)*)pwca\.(attn|norm)\.', r'backbone.\1fusion.\2.'),
    (r'unet\.', 'backbone.unet.'),
    (r'sentense_output_layer\.', 'aggregator.sentence.'),
    (r'query_decoder\.(out_cls|out_score)\..*', None),
    (r'query_decoder\.cross_attn_layers\.\d+\.norm\..*', None),
    (r'query_decoder\.input_proj\.0\.', 'decoder.input_proj.'),
    (r'query_decoder\.input_proj\.1\.', 'decoder.input_norm.'),
    (r'query_decoder\.(query|out_norm)\.', r'decoder.\1.'),
    (r'query_decoder\.(cross|self)_attn_layers\.(\d+)\.attn\.',
     r'decoder.layers.\2.\1_attn.'),
    (r'query_decoder\.self_attn_layers\.(\d+)\.norm\.',
     r'decoder.layers.\1.self_norm.'),
    (r'query_decoder\.ffn_layers\.(\d+)\.net\.0\.',
     r'decoder.layers.\1.ffn.0.'),
    (r'query_decoder\.ffn_layers\.(\d+)\.net\.3\.',
     r'decoder.layers.\1.ffn.2.'),
    (r'query_decoder\.ffn_layers\.(\d+)\.norm\.',
     r'decoder.layers.\1.ffn_norm.'),
    (r'query_decoder\.x_mask\.0\.', 'decoder.mask_hidden.0.'),
    (r'query_decoder\.x_mask\.2\.', 'decoder.mask_out.'),
)]
_WORDS = re.compile(r'word_fuse_layer\.(\d+)\.')
_LEVEL = re.compile(r'unet\.((?:u\.)*)pwca\.norm\.weight')


def rename(name: str) -> str | None:
    """Our name of a released weight; None if nothing is computed with it.

    Raises:
        KeyError: The name does not occur in the released model.
    """
    match = _WORDS.match(name)
    if match:
        return _words_prefix(int(match[1])) + name[match.end():]
    for pattern, new in _RENAMES:
        match = pattern.match(name)
        if match:
            return None if new is None else \
                match.expand(new) + name[match.end():]
    raise KeyError(f'{name!r} is no weight of the released LESS model')


def convert(weights: dict[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Rename the weights, and draw the word projections if they are missing.

    The released code keeps the projections of the words in a plain dict, so
    its checkpoints lack them.

    Args:
        weights (dict[str, Tensor]): Released names to tensors.
        seed (int): For the word projections.

    Returns:
        dict[str, Tensor]: Our names to tensors.
    """
    renamed = {name: rename(name) for name in weights}
    report([old for old, new in renamed.items() if new is None],
           'not used by the released code')
    converted = {
        new: weights[old]
        for old, new in renamed.items() if new is not None
    }
    if not any(_WORDS.match(name) for name in weights):
        drawn = _draw_word_projections(weights, seed)
        warnings.warn(
            'the checkpoint lacks the word projections (word_fuse_layer.*), '
            'which the released code does not save: '
            f'{", ".join(sorted(drawn))} are drawn anew with seed {seed}. The '
            'results of the released model cannot be restored without '
            'training')
        converted.update(drawn)
    return converted


def _draw_word_projections(weights: dict[str, Tensor],
                           seed: int) -> dict[str, Tensor]:
    """PyTorch's default initialization, as the released code has it."""
    channels = {
        match[1].count('u'): len(weight)
        for name, weight in weights.items()
        if (match := _LEVEL.fullmatch(name))
    }
    if not channels or 'sentense_output_layer.0.weight' not in weights:
        raise ValueError(
            'this is no checkpoint of the released LESS code: it lacks '
            'unet.pwca.norm.weight or sentense_output_layer.0.weight')
    words = weights['sentense_output_layer.0.weight'].shape[1]
    drawn = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for level in sorted(channels):
            for index, out in ((0, words), (3, channels[level])):
                layer = torch.nn.Linear(words, out)
                for name, parameter in layer.named_parameters():
                    key = f'{_words_prefix(level)}{index}.{name}'
                    drawn[key] = parameter.detach()
    return drawn


def _words_prefix(level: int) -> str:
    return f'backbone.unet.{"u." * level}fusion.words.'


def main() -> None:
    args = parse_args()
    try:
        weights = convert(load_weights(args.checkpoint), args.seed)
    except KeyError as error:
        sys.exit(f'error: {args.checkpoint}: {error.args[0]}')
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f'error: {error}')
    save_checkpoint(args.output, weights,
                    dict(source='LESS', checkpoint=Path(args.checkpoint).name))
    print(f'{args.output}: {len(weights)} tensors')


if __name__ == '__main__':
    main()
