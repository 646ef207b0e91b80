"""Candidates of SAM and its relatives, exported to ONNX."""
from __future__ import annotations
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from mmcv.ops import nms
from PIL import Image
from torch import Tensor

from mmlangseg.cpu.threads import map_on_threads
from mmlangseg.io.digest import sha256_of, sha256_of_onnx_data
from .enlarged_mask import MaskEnlarger
from .layer_prompts import point_grid
from .onnx_models import OnnxDecoder, OnnxEncoder, trial
from .sam_decoder import SAMDecoder
from .sam_weights import read_sam_decoder
from .source import CANDIDATE_SOURCES, CandidateSource

# SAM's, for pixels from 0 to 255
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Prompts of SAM's decoder at a time, whose images fit into the caches of a
# processor.
_IN_CACHE = 4
# How far the stability of a mask at low resolution may lie below that at the
# size of the image, if it has as many pixels.
_MARGIN, _ENOUGH = 0.1, 1000
# Makes the logits of some masks of a prompt, chosen by two indices.
_Masks = Callable[[slice, Tensor], Tensor]


@CANDIDATE_SOURCES.register_module(name='onnx-sam')
class OnnxSAM(CandidateSource):
    """SAM, MobileSAM or EdgeSAM as two ONNX files, usable on a CPU.

    The steps are those of segment-anything's ``SamAutomaticMaskGenerator``
    without crops: a grid of points, all masks per point that the graph has,
    the filters of predicted IoU and stability, and non-maximum suppression
    of boxes. The scores are the predicted IoU.

    Where the decoder is SAM's, its weights are taken out of the graph and
    it runs in PyTorch, which does less for many points (see
    :class:`SAMDecoder`); else onnxruntime runs it as it is.

    Args:
        encoder: File of the image encoder.
        decoder: File of the prompt decoder.
        device: Where they run.
        points_per_side: Side of the grid of point prompts.
        points_per_batch: Prompts that run at the same time.
        pred_iou_thresh: Masks whose predicted IoU is not larger are dropped.
        stability_score_thresh: So are those that change more than this with
            the cutoff.
        stability_score_offset: By how much the cutoff is changed for that.
        box_nms_thresh: Box IoU of duplicates.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: A file is no such model.
    """

    def __init__(self,
                 encoder: str,
                 decoder: str,
                 device: str = 'cpu',
                 points_per_side: int = 32,
                 points_per_batch: int = 32,
                 pred_iou_thresh: float = 0.88,
                 stability_score_thresh: float = 0.95,
                 stability_score_offset: float = 1.0,
                 box_nms_thresh: float = 0.7) -> None:
        if min(points_per_side, points_per_batch) < 1:
            raise ValueError('points_per_side and points_per_batch must be '
                             'positive')
        self._encoder = OnnxEncoder(encoder, device)
        exported = OnnxDecoder(decoder, device)
        network = read_sam_decoder(exported, self._encoder.image_size)
        self._decoder = exported if network is None else network.to(device)
        if network is None:
            _check(exported, self._encoder.image_size)
        else:
            points_per_batch = min(points_per_batch, _IN_CACHE)
        self._device, self._batch = device, points_per_batch
        self.parameters = dict(
            encoder=Path(encoder).name,
            encoder_sha256=sha256_of(encoder),
            decoder=Path(decoder).name,
            decoder_sha256=sha256_of(decoder),
            points_per_side=points_per_side,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh)
        for name, path in (('encoder', encoder), ('decoder', decoder)):
            if digests := sha256_of_onnx_data(path):
                self.parameters[f'{name}_data_sha256'] = digests

    @torch.no_grad()
    def propose(self, image: np.ndarray) -> Iterator[tuple[dict, float]]:
        settings, size = self.parameters, image.shape[:2]
        side = self._encoder.image_size
        height, width = (
            max(1, int(edge * side / max(size) + 0.5)) for edge in size)
        inner = height, width
        embedding = self._encoder(_prepare(image, inner, side))
        points = point_grid(settings['points_per_side']) * torch.tensor(
            [width, height])
        # what is below and to the right of the image is padding, but for the
        # pixel that the border is interpolated with
        low = tuple(min(-(-edge // 4) + 1, side // 4) for edge in inner)
        enlarge = MaskEnlarger(low, inner, size, self._device)
        found = self._decoded(
            embedding.to(self._device), points.to(self._device), low,
            lambda scores, masks: self._stable(scores, masks, enlarge))
        if not found:
            return
        codes, boxes, scores = zip(*found)
        _, kept = nms(
            torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores),
            settings['box_nms_thresh'])
        for i in kept.tolist():
            yield codes[i], scores[i]

    def _decoded(self, embedding: Tensor, points: Tensor, size: Sequence[int],
                 use: Callable[[Tensor, _Masks], list]) -> list:
        """What ``use`` finds in the prompts, given the predicted IoU (M,) of
        one and a function that makes some of its logits, cropped to (K,
        *size)."""
        rows, columns = size
        batches = points.split(self._batch)
        if not isinstance(self._decoder, SAMDecoder):
            return [
                found for batch in batches
                for scores, masks in zip(*self._decoder(embedding, batch))
                for found in use(scores,
                                 lambda a, b: masks[a][b][:, :rows, :columns])
            ]
        network = self._decoder
        seen = network.look(embedding)

        def decode(batch: Tensor) -> list:
            found = []
            for scores, pixels, kernels in zip(*network(seen, batch)):
                pixels = pixels[:-(-rows // 4), :-(-columns // 4)]
                found += use(
                    scores, lambda a, b: network.masks(pixels, kernels[a][b])
                    [:, :rows, :columns])
            return found

        return list(
            chain.from_iterable(map_on_threads(decode, batches, self._device)))

    def _stable(self, scores: Tensor, masks: _Masks,
                enlarge: MaskEnlarger) -> list[tuple[dict, list[int], float]]:
        """Run-length code, box and predicted IoU of the masks of a prompt
        that pass both filters."""
        several = _several(scores)
        passed = scores[several] > self.parameters['pred_iou_thresh']
        if not passed.any():
            return []
        logits, found = masks(several, passed), []
        offset = self.parameters['stability_score_offset']
        for i in self._likely_stable(logits):
            mask = enlarge(logits[i], -offset)
            if mask is not None and mask.stability(
                    offset) >= self.parameters['stability_score_thresh']:
                found.append((*mask.code(), float(scores[several][passed][i])))
        return found

    def _likely_stable(self, logits: Tensor) -> list[int]:
        """Indices of masks that are worth a look at the size of the image:
        most that fail the filter of stability do so by far."""
        stability = _stability(logits,
                               self.parameters['stability_score_offset'])
        small = (logits > 0).sum((1, 2), dtype=torch.int32) < _ENOUGH
        threshold = self.parameters['stability_score_thresh'] - _MARGIN
        return torch.nonzero(small | (stability >= threshold))[:, 0].tolist()


def _check(decoder: OnnxDecoder, image_size: int) -> None:
    """Say what is wrong or slow with a decoder before hours of work."""
    _, masks = decoder(*trial(decoder))
    if masks.ndim != 4 or 4 * masks.shape[-1] != image_size:
        raise ValueError(
            f'{decoder.path} makes masks of the shape {tuple(masks.shape)}; '
            f'for an encoder that sees {image_size} x {image_size} pixels '
            'those of SAM have a quarter of that side: do the two belong '
            'together?')
    if not decoder.batched:
        warnings.warn(
            f'{decoder.path} takes one point per call, which is slow: it is '
            'not the decoder of SAM, its weights lie in a file of their own, '
            'or the package onnx is missing (pip install -r '
            'requirements/onnx.txt)')


def _several(scores: Tensor) -> slice:
    """Of four masks SAM's first is for prompts of several points."""
    return slice(1, None) if len(scores) == 4 else slice(None)


def _prepare(image: np.ndarray, inner: tuple[int, int],
             side: int) -> np.ndarray:
    """Resized, normalized and padded: float32 (1, 3, S, S) of uint8 RGB."""
    # as segment-anything does it
    small = Image.fromarray(image).resize(inner[::-1], Image.BILINEAR)
    padded = np.zeros((side, side, 3), np.float32)
    padded[:inner[0], :inner[1]] = (np.float32(small) - _MEAN) / _STD
    return padded.transpose(2, 0, 1)[None]


def _stability(logits: Tensor, offset: float) -> Tensor:
    """IoU of the masks at cutoffs above and below zero, (K,)."""
    inside, around = ((logits > cutoff).sum((1, 2), dtype=torch.int32)
                      for cutoff in (offset, -offset))
    return inside / around  # NaN for an empty mask, which no cutoff passes
