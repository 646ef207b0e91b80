"""Benchmark of SAM's candidates from ONNX files; see benchmark.py."""
from __future__ import annotations
import os
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from benchmark_report import Comparison, Variant
from mmcv.ops import nms
from PIL import Image
from torch import Tensor

from mmlangseg.semires.candidates import Candidates, OnnxSAM
from mmlangseg.semires.candidates.onnx_models import open_session

FOLDER = 'MOBILE_SAM'  # variable that names the folder of the model
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PRED_IOU, STABILITY, BOX_NMS = 0.88, 0.95, 0.7


def semires_sam(height: int, width: int,
                points_per_side: int) -> list[Comparison]:
    """All candidates of a photograph, beside one point per call.

    The model is that of tools/model_converters/pretrained.py mobile-sam.
    """
    from skimage.data import astronaut
    folder = Path(os.environ.get(FOLDER, 'data/pretrained/mobile-sam'))
    if not (folder / 'decoder.onnx').is_file():
        raise SystemExit(
            f'error: {folder} has no decoder.onnx: make it with "python '
            'tools/model_converters/pretrained.py mobile-sam DIR", and set '
            f'{FOLDER}=DIR')
    image = cv2.resize(astronaut(), (width, height))
    models = _Models(folder, points_per_side)

    def run_plain() -> list[Tensor]:
        return summary(models.plain(image))

    def run_ours() -> list[Tensor]:
        return summary(models.ours(image))

    points = points_per_side**2
    return [
        Comparison(f'{points} points, {width} x {height}', 'photograph', [
            Variant('plain, one point per call', run_plain, plain=True),
            Variant('ours', run_ours)
        ], 1e-3)
    ]


class _Models:
    """Both ways, made when they are first used, with the threads of then."""

    def __init__(self, folder: Path, points_per_side: int) -> None:
        self.files = [str(folder / f'{x}coder.onnx') for x in ('en', 'de')]
        self.points_per_side = points_per_side

    @cached_property
    def ours(self) -> OnnxSAM:
        return OnnxSAM(
            *self.files,
            points_per_side=self.points_per_side,
            pred_iou_thresh=PRED_IOU,
            stability_score_thresh=STABILITY,
            box_nms_thresh=BOX_NMS)

    @cached_property
    def plain(self) -> PlainSAM:
        encoder, decoder = map(open_session, self.files)
        return PlainSAM(encoder, decoder, self.points_per_side)


class PlainSAM:
    """The same candidates: the image is embedded once, then every point is a
    call of onnxruntime and every mask is looked at alone."""

    def __init__(self, encoder, decoder, points_per_side: int) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.points_per_side = points_per_side
        self.first = encoder.get_inputs()[0]
        self.rest = {
            x.name: np.zeros(x.shape, np.float32)
            for x in decoder.get_inputs()
            if x.name in ('mask_input', 'has_mask_input')
        }
        if 'orig_im_size' in [x.name for x in decoder.get_inputs()]:
            self.rest['orig_im_size'] = np.float32([8, 8])

    def __call__(self, image: np.ndarray) -> Candidates:
        side = self.first.shape[2]
        size = image.shape[:2]
        inner = [int(edge * side / max(size) + 0.5) for edge in size]
        padded = np.zeros((side, side, 3), np.float32)
        small = Image.fromarray(image).resize(inner[::-1], Image.BILINEAR)
        padded[:inner[0], :inner[1]] = (np.float32(small) - MEAN) / STD
        embedding, = self.encoder.run(
            None, {self.first.name: padded.transpose(2, 0, 1)[None]})
        masks, boxes, scores = [], [], []
        ticks = (np.arange(self.points_per_side) + 0.5) / self.points_per_side
        for y in ticks * inner[0]:
            for x in ticks * inner[1]:
                low, quality = self.decoder.run(
                    ['low_res_masks', 'iou_predictions'],
                    dict(
                        image_embeddings=embedding,
                        point_coords=np.float32([[[x, y], [0, 0]]]),
                        point_labels=np.float32([[1, -1]]),
                        **self.rest))
                for logits, score in zip(low[0, 1:], quality[0, 1:]):
                    if not score > PRED_IOU:
                        continue
                    full = cv2.resize(logits, (side, side))
                    full = cv2.resize(full[:inner[0], :inner[1]], size[::-1])
                    around = (full > -1).sum()
                    if not around or (full > 1).sum() / around < STABILITY:
                        continue
                    rows, columns = np.nonzero(full > 0)
                    masks.append(full > 0)
                    boxes.append(
                        [columns.min(),
                         rows.min(),
                         columns.max(),
                         rows.max()])
                    scores.append(score)
        if not masks:
            return Candidates.from_masks([], size)
        scores = torch.tensor(scores, dtype=torch.float32)
        _, kept = nms(
            torch.tensor(boxes, dtype=torch.float32), scores, BOX_NMS)
        return Candidates.from_masks([masks[i] for i in kept.tolist()], size,
                                     scores[kept])


def summary(candidates: Candidates) -> list[Tensor]:
    """Number, total score and total area of the candidates."""
    return [
        torch.tensor([float(value)]) + 1  # of none, too
        for value in (len(candidates), candidates.scores.sum(),
                      candidates.areas.sum())
    ]
