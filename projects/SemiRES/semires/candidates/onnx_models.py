"""Sessions of onnxruntime, and the decoders of SAM's relatives in ONNX."""
from __future__ import annotations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_INSTALL = 'pip install -r requirements/onnx.txt'
# What official exports of SAM, MobileSAM and EdgeSAM call their tensors.
_MASKS = ('low_res_masks', 'masks')
_SCORES = ('iou_predictions', 'scores')
_PROMPTS = ('point_coords', 'point_labels')


def open_session(model: str | bytes, device: str | torch.device = 'cpu'):
    """Make ``onnxruntime.InferenceSession`` of a file or its content.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: It is no ONNX file, or a damaged one.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            'the candidate source "onnx-sam" needs the package onnxruntime: '
            f'{_INSTALL}. Or choose another source') from error
    if isinstance(model, str) and not Path(model).is_file():
        raise FileNotFoundError(f'{model} does not exist')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # warnings are for who exports
    providers: list = ['CPUExecutionProvider']
    place = torch.device(device)
    if (place.type == 'cuda' and 'CUDAExecutionProvider'
            in onnxruntime.get_available_providers()):
        settings = dict(device_id=place.index or 0)
        providers.insert(0, ('CUDAExecutionProvider', settings))
    try:
        return onnxruntime.InferenceSession(model, options, providers)
    except Exception as error:  # classes of its own for every kind of damage
        name = model if isinstance(model, str) else 'the decoder'
        raise ValueError(f'{name} is no ONNX model that onnxruntime runs: '
                         f'{str(error).splitlines()[0]}') from error


class OnnxEncoder:
    """The image encoder of SAM or a relative.

    Args:
        path: The ONNX file; its first input is the normalized image
            (1, 3, S, S), its first output the embedding (1, C, h, w).
        device: Where it runs.

    Attributes:
        image_size (int): S.
    """

    def __init__(self, path: str, device: str = 'cpu') -> None:
        self._session = open_session(path, device)
        first = self._session.get_inputs()[0]
        shape = first.shape
        if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] \
                or not isinstance(shape[2], int):
            raise ValueError(
                f'{path}: its input {first.name} has the shape {shape}, that '
                'of an image encoder of SAM is [1, 3, 1024, 1024]')
        self.image_size = shape[2]
        self._input = first.name

    def __call__(self, image: np.ndarray) -> Tensor:
        """Embedding (1, C, h, w) of a normalized image (1, 3, S, S)."""
        return torch.from_numpy(
            self._session.run(None, {self._input: image})[0])


class OnnxDecoder:
    """The prompt decoder of SAM or a relative, as it was exported.

    Official exports declare one prompt per call, although their graphs can
    do with any number; then the declaration is changed in memory, and used
    if the masks stay the same.

    Args:
        path: The ONNX file, with the inputs ``image_embeddings``,
            ``point_coords`` and ``point_labels``; and, as segment-anything
            exports it, with ``mask_input``, ``has_mask_input`` and
            ``orig_im_size``.
        device: Where it runs.

    Attributes:
        batched (bool): Whether it takes several prompts per call.
        embedding_shape (tuple): (1, C, h, w).

    Raises:
        ValueError: It is no such graph.
    """

    def __init__(self, path: str, device: str = 'cpu') -> None:
        self.path = path
        self._session = open_session(path, device)
        inputs = {x.name: x.shape for x in self._session.get_inputs()}
        known = {'image_embeddings', *_PROMPTS}
        optional = {'mask_input', 'has_mask_input', 'orig_im_size'}
        if known - set(inputs) or set(inputs) - known - optional:
            raise ValueError(
                f'{path} has the inputs {sorted(inputs)}; a decoder of SAM '
                f'has {sorted(known)}, and maybe {sorted(optional)}')
        outputs = [x.name for x in self._session.get_outputs()]
        self._masks, self._scores = (
            next((name for name in names if name in outputs), None)
            for names in (_MASKS, _SCORES))
        if None in (self._masks, self._scores):
            raise ValueError(
                f'{path} has the outputs {outputs}; a decoder of SAM has one '
                f'of {_MASKS} and one of {_SCORES}')
        self.embedding_shape = tuple(inputs['image_embeddings'])
        self._rest = {
            name: np.zeros(inputs[name], np.float32)
            for name in optional - {'orig_im_size'} if name in inputs
        }
        if 'orig_im_size' in inputs:
            # of masks at the size of the image, which are not asked for
            self._rest['orig_im_size'] = np.float32([8, 8])
        self.batched = inputs['point_coords'][0] != 1
        if not self.batched:
            self._free_prompts(device)

    def __call__(self, embedding: Tensor,
                 points: Tensor) -> tuple[Tensor, Tensor]:
        """Decode one foreground point per prompt.

        Args:
            embedding: Of the image, (1, C, h, w).
            points: x and y in pixels of the padded image, (B, 2).

        Returns:
            tuple: Predicted IoU (B, M) and logits of the masks
            (B, M, 4 h, 4 w).
        """
        size = len(points) if self.batched else 1
        parts = [
            self._run(embedding.numpy(), part.numpy())
            for part in points.split(size)
        ]
        return tuple(torch.cat(values) for values in zip(*parts))

    def _run(self, embedding: np.ndarray,
             points: np.ndarray) -> tuple[Tensor, Tensor]:
        # a point and a padding one, as SAM's predictor gives them
        coords = np.stack([points, np.zeros_like(points)], 1)
        labels = np.tile(np.float32([1, -1]), (len(points), 1))
        values = self._session.run([self._scores, self._masks],
                                   dict(
                                       image_embeddings=embedding,
                                       point_coords=coords,
                                       point_labels=labels,
                                       **self._rest))
        return tuple(map(torch.from_numpy, values))

    def _free_prompts(self, device: str) -> None:
        model = load_graph(self.path)
        if model is None:
            return
        for value in model.graph.input:
            if value.name in _PROMPTS:
                value.type.tensor_type.shape.dim[0].dim_param = 'prompts'
        del model.graph.value_info[:]  # sizes that follow from one prompt
        one, embedding, points = self._session, *trial(self)
        expected = self(embedding, points)
        try:
            self._session = open_session(model.SerializeToString(), device)
            self.batched = True
            found = self(embedding, points)
            same = agree(found, expected)
        except Exception:  # a graph with one prompt built in
            same = False
        if not same:
            self._session, self.batched = one, False


def trial(decoder: OnnxDecoder) -> tuple[Tensor, Tensor]:
    """An embedding and three points to compare decoders with."""
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(decoder.embedding_shape, generator=generator)
    side = 16 * decoder.embedding_shape[-1]
    return embedding, side * torch.rand(3, 2, generator=generator)


def agree(found: tuple[Tensor, Tensor], expected: tuple[Tensor,
                                                        Tensor]) -> bool:
    """Whether scores and masks are equal but for rounding."""
    return all(a.shape == b.shape and bool(
        (a - b).abs().max() <= 1e-3 * b.abs().max().clamp(min=1e-6))
               for a, b in zip(found, expected))


def load_graph(path: str) -> Any | None:
    """``onnx.ModelProto`` of a file; None where onnx is not installed, or
    the weights lie in other files, which are not opened."""
    try:
        import onnx
    except ImportError:
        return None
    model = onnx.load(path, load_external_data=False)
    outside = any(tensor.data_location == onnx.TensorProto.EXTERNAL
                  for tensor in model.graph.initializer)
    return None if outside else model
