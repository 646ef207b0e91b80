"""The decoder of SAM out of an exported graph."""
from __future__ import annotations
from typing import Any

import numpy as np
import torch

from .onnx_models import OnnxDecoder, agree, load_graph, trial
from .sam_decoder import SAMDecoder

# The number of heads is in no weight. SAM and its relatives have 8.
_HEADS = (8, 4, 2, 1)


@torch.no_grad()
def read_sam_decoder(exported: OnnxDecoder,
                     image_size: int) -> SAMDecoder | None:
    """Make a :class:`SAMDecoder` with the weights of an exported one.

    Args:
        exported: The decoder.
        image_size: Side of the padded image, in pixels.

    Returns:
        SAMDecoder | None: None if the graph is of another network, or
        exported in a way that hides what its constants are, or onnx is not
        installed: whatever the reason, scores and masks of a trial differ.
    """
    model = load_graph(exported.path)
    if model is None:
        return None
    expected = exported(*trial(exported))
    try:
        weights = _find_weights(model)
        for heads in _HEADS:
            decoder = _build(weights, heads, image_size)
            embedding, points = trial(exported)
            scores, *parts = decoder(decoder.look(embedding), points)
            masks = torch.stack(list(map(decoder.masks, *parts)))
            if agree((scores, masks), expected):
                return decoder
    except (KeyError, ValueError, RuntimeError):
        # KeyError: a weight is not found; the others: it has another shape
        pass
    return None


def _build(weights: dict[str, torch.Tensor], heads: int,
           image_size: int) -> SAMDecoder:
    layers = {
        name.split('.')[2]
        for name in weights if name.startswith('transformer.layers.')
    }
    iou = [
        len(weights[name]) for name in sorted(weights)
        if name.startswith('iou_prediction_head.') and name.endswith('bias')
    ]
    tokens, channels = weights['tokens'].shape
    decoder = SAMDecoder(
        channels=channels,
        hidden=len(weights['transformer.layers.0.mlp.lin1.bias']),
        layers=len(layers),
        heads=heads,
        num_masks=tokens - 1,
        iou_hidden=iou[0],
        iou_layers=len(iou),
        image_size=image_size)
    decoder.load_state_dict(weights)
    return decoder.eval()


def _find_weights(model: Any) -> dict[str, torch.Tensor]:
    """State dict of :class:`SAMDecoder`.

    PyTorch's exporter keeps the names of most weights. Others become
    constants without a name, which the nodes that use them tell apart.

    Raises:
        KeyError: A weight is not there.
    """
    from onnx import numpy_helper
    values = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
    }
    found: dict[str, np.ndarray] = {}
    for name, value in values.items():
        _, decoder, rest = name.rpartition('mask_decoder.')
        if decoder:
            found[rest] = value
        elif name.endswith('positional_encoding_gaussian_matrix'):
            found['frequencies'] = value
        elif name.endswith('point_embeddings.1.weight'):
            found['foreground'] = value[0]
        elif name.endswith('not_a_point_embed.weight'):
            found['no_point'] = value[0]
        elif value.ndim == 4 and value.shape[0] == value.shape[-1] == 1:
            found['no_mask'] = value.reshape(-1)
    for node in model.graph.node:
        constants = [values[name] for name in node.input if name in values]
        if not constants:
            continue
        value, (path, _, last) = constants[0], node.name.rpartition('/')
        path = path.rpartition('mask_decoder/')[2].strip('/')
        if node.op_type == 'MatMul' and path.startswith('transformer/'):
            # linear layers are stored as (in, out)
            found[f'{path.replace("/", ".")}.weight'] = value.T
        elif path.endswith('output_upscaling.1') and value.ndim == 3:
            kind = 'weight' if last.startswith('Mul') else 'bias'
            found[f'output_upscaling.1.{kind}'] = value.reshape(-1)
        elif node.op_type == 'Expand' and value.ndim == 3:
            found['tokens'] = value[0]
    return {
        name: torch.from_numpy(np.array(value, np.float32))
        for name, value in found.items()
    }
