"""Take the sparse U-Net of an SPFormer-family checkpoint for LESS.

SPFormer, 3D-STMN, MDIN, RG-SAN and others share a U-Net with LESS and publish
it trained for instance segmentation. The result goes into ``load_from`` of a
LESS config; what such a U-Net lacks (words, decoder) starts from scratch.
"""
from __future__ import annotations
import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE.parents[1] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[1]))
sys.path.insert(0, str(HERE))

# Permutations of a kernel's axes to (out, k, k, k, in).
LAYOUTS = {'out_k_k_k_in': (0, 1, 2, 3, 4), 'k_k_k_in_out': (4, 0, 1, 2, 3)}

# Permutations of the input channels to x, y, z, r, g, b.
CHANNEL_ORDERS = {'rgbxyz': [3, 4, 5, 0, 1, 2], 'xyzrgb': [0, 1, 2, 3, 4, 5]}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('checkpoint', help='file of the research code')
    parser.add_argument('output', help='checkpoint to write')
    parser.add_argument(
        '--channel-order',
        choices=CHANNEL_ORDERS,
        default='rgbxyz',
        help='order of the input channels of the checkpoint')
    parser.add_argument(
        '--color-scale',
        type=float,
        default=127.5,
        help='what its colors from 0 to 255 are divided by')
    parser.add_argument(
        '--kernel-layout',
        choices=LAYOUTS,
        help='axes of its kernels, found from their shapes by default')
    return parser.parse_args()


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from checkpoint_io import load_weights, report, save_checkpoint
from torch import Tensor

from mmlangseg.less.models import LESSUNet

_INPUT = 'input_conv.0.weight'
_PARTS = ('input_conv.', 'unet.', 'output_layer.')
_LEVEL_NORM = re.compile(r'unet\.((?:u\.)*)blocks\.block0\.conv_branch\.0\.'
                         'weight')
# Ours is (rgb - mean) / 256; see NormalizeScanColor.
_OUR_COLOR_SCALE = 256.


def convert(weights: dict[str, Tensor],
            channel_order: str = 'rgbxyz',
            color_scale: float = 127.5,
            layout: str | None = None) -> dict[str, Tensor]:
    """Rename and rearrange the U-Net for :class:`LESSUNet`.

    The family feeds ``rgb / 127.5 - 1``, we ``(rgb - mean) / 256``. The scale
    is moved into the first convolution; the small offset between the two
    remains.

    Args:
        weights (dict[str, Tensor]): Weights of the checkpoint.
        channel_order (str): Order of its input channels, 'rgbxyz' or
            'xyzrgb'.
        color_scale (float): What its colors from 0 to 255 are divided by.
        layout (str, optional): Order of the axes of its kernels, a key of
            ``LAYOUTS``. Found from the shapes by default.

    Returns:
        dict[str, Tensor]: Weights named ``backbone.*``.

    Raises:
        ValueError: This is no such U-Net, or of another size, or its layout
            is ambiguous.
    """
    weights = _unet_weights(weights)
    model = _matching_unet(weights)
    expected = model.state_dict()
    missing = sorted(expected.keys() - weights.keys())
    unknown = sorted(weights.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(
            'the U-Net differs from that of LESS; missing: '
            f'{missing[:3] or "none"}, unknown: {unknown[:3] or "none"}')
    kernels = [name for name in expected if expected[name].dim() == 5]
    axes = LAYOUTS[_find_layout(weights, expected, kernels, layout)]
    converted = {}
    for name, value in weights.items():
        if name in kernels:
            value = _arrange(value, axes)
        if value.shape != expected[name].shape:
            raise ValueError(
                f'{name} has shape {tuple(value.shape)}, LESS needs '
                f'{tuple(expected[name].shape)}')
        converted[f'backbone.{name}'] = value
    kernel = converted[f'backbone.{_INPUT}'][...,
                                             CHANNEL_ORDERS[channel_order]]
    kernel[..., 3:] *= _OUR_COLOR_SCALE / color_scale
    converted[f'backbone.{_INPUT}'] = kernel
    return converted


def _arrange(kernel: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Bring a kernel to (out, k, k, k, in)."""
    moved = kernel.permute(axes)
    if moved.shape[1:4].numel() > 1:
        return moved.contiguous()
    # spconv 2 reads the memory of a 1 x 1 x 1 kernel as (in, out), as spconv 1
    # did, whatever shape it declares: the memory has to stay as it is.
    return kernel.reshape(moved.shape)


def _unet_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the U-Net, named as in SPFormer."""
    found = [name for name in weights if name.endswith(_INPUT)]
    if len(found) != 1:
        raise ValueError(
            f'expected one weight named *{_INPUT}, found {found or "none"}: '
            'this is no checkpoint of the SPFormer family')
    prefix = found[0].removesuffix(_INPUT)
    unet, rest = {}, []
    for name, value in weights.items():
        if name.startswith(tuple(prefix + part for part in _PARTS)):
            unet[name.removeprefix(prefix)] = value
        else:
            rest.append(name)
    report(rest, 'not part of the U-Net')
    return unet


def _matching_unet(weights: dict[str, Tensor]) -> LESSUNet:
    """A U-Net with the channels and depth of the weights."""
    channels = {
        match[1].count('u'): len(value)
        for name, value in weights.items()
        if (match := _LEVEL_NORM.fullmatch(name))
    }
    if sorted(channels) != list(range(len(channels))) or not channels:
        raise ValueError(
            'the U-Net differs from that of LESS: no '
            'unet.blocks.block0.conv_branch.0.weight at every level')
    reps = sum(
        re.fullmatch(r'unet\.blocks\.block\d+\.conv_branch\.0\.weight', name)
        is not None for name in weights)
    return LESSUNet(
        in_channels=6,
        channels=[channels[level] for level in sorted(channels)],
        block_reps=reps,
        fusion=None)


def _find_layout(weights: dict[str, Tensor], expected: dict[str, Tensor],
                 kernels: list[str], layout: str | None) -> str:
    """The layout under which all kernels have the expected shapes."""
    if layout is not None:
        return layout
    fitting = [
        name for name, axes in LAYOUTS.items()
        if all(weights[k].dim() == 5
               and weights[k].permute(axes).shape == expected[k].shape
               for k in kernels)
    ]
    if not fitting:
        raise ValueError(
            'the kernels have the sizes of LESS in no layout: '
            f'{_INPUT} has shape {tuple(weights[_INPUT].shape)}, LESS needs '
            f'{tuple(expected[_INPUT].shape)}')
    if len(fitting) > 1:
        raise ValueError('the layout of the kernels cannot be told from their '
                         f'shapes: give one of {list(LAYOUTS)} (option '
                         '--kernel-layout)')
    return fitting[0]


def main() -> None:
    args = parse_args()
    try:
        weights = convert(
            load_weights(args.checkpoint), args.channel_order,
            args.color_scale, args.kernel_layout)
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f'error: {args.checkpoint}: {error}')
    save_checkpoint(
        args.output, weights,
        dict(source='SPFormer family', checkpoint=Path(args.checkpoint).name))
    print(f'{args.output}: {len(weights)} tensors')


if __name__ == '__main__':
    main()
