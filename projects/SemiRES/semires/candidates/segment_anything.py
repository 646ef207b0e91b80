"""Candidates of SAM's own "segment everything"."""
from __future__ import annotations
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmlangseg.compat.loading import load_from_local
from mmlangseg.io.digest import sha256_of
from .layer_prompts import points_per_layer
from .source import CANDIDATE_SOURCES, CandidateSource


@CANDIDATE_SOURCES.register_module(name='segment-anything')
class SegmentAnything(CandidateSource):
    """``SamAutomaticMaskGenerator`` of the package segment-anything.

    The defaults are those of the package and of SemiRES (ViT-H). The scores
    are SAM's predicted IoU.

    Args:
        checkpoint: File of the weights, such as ``sam_vit_h_4b8939.pth``.
        model_type: ``vit_h``, ``vit_l`` or ``vit_b``.
        device: Where the model runs.
        points_per_side: Side of the grid of point prompts.
        points_per_batch: Prompts that run at the same time.
        pred_iou_thresh: Masks with a smaller predicted IoU are dropped.
        stability_score_thresh: So are those that change more than this with
            the cutoff.
        stability_score_offset: By how much the cutoff is changed for that.
        box_nms_thresh: Box IoU of duplicates.
        crop_n_layers: If > 0, crops of the image are searched too; layer i
            has 2^i crops per side.
        crop_nms_thresh: Box IoU of duplicates of different crops.
        crop_overlap_ratio: Overlap of the crops of the first layer.
        crop_n_points_downscale_factor: Layer i has ``points_per_side``
            divided by this to the power of i.
        point_grids: In place of ``points_per_side``, one list of (x, y) in
            [0, 1] per crop layer.
        min_mask_region_area: Smaller parts and holes are removed, in pixels.
    """

    def __init__(self,
                 checkpoint: str,
                 model_type: str = 'vit_h',
                 device: str = 'cpu',
                 points_per_side: int | None = 32,
                 points_per_batch: int = 64,
                 pred_iou_thresh: float = 0.88,
                 stability_score_thresh: float = 0.95,
                 stability_score_offset: float = 1.0,
                 box_nms_thresh: float = 0.7,
                 crop_n_layers: int = 0,
                 crop_nms_thresh: float = 0.7,
                 crop_overlap_ratio: float = 512 / 1500,
                 crop_n_points_downscale_factor: int = 1,
                 point_grids: Sequence | None = None,
                 min_mask_region_area: int = 0) -> None:
        try:
            from segment_anything import (SamAutomaticMaskGenerator,
                                          sam_model_registry)
        except (ImportError, RuntimeError) as error:
            # RuntimeError: torchvision was built for another torch
            raise ImportError(
                'the candidate source "segment-anything" needs the packages '
                'segment-anything and torchvision (the one made for your '
                'torch): pip install segment-anything torchvision. Or choose '
                f'another source. ({error})') from error
        if not Path(checkpoint).is_file():
            raise FileNotFoundError(
                f'{checkpoint} does not exist: checkpoint must name the file '
                'of the weights, see the README of segment-anything for the '
                'downloads')
        if model_type not in sam_model_registry:
            raise ValueError(f'model_type={model_type!r} is not one of '
                             f'{sorted(sam_model_registry)}')
        if (points_per_side is None) == (point_grids is None):
            raise ValueError('give one of points_per_side and point_grids')
        if points_per_side is not None:
            points_per_layer(points_per_side, crop_n_points_downscale_factor,
                             crop_n_layers)
        self.parameters = dict(
            model_type=model_type,
            points_per_side=points_per_side,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=point_grids,
            min_mask_region_area=min_mask_region_area,
            checkpoint=Path(checkpoint).name,
            sha256=sha256_of(checkpoint))
        model = sam_model_registry[model_type](checkpoint=None)
        weights = load_from_local(str(checkpoint), 'cpu')
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f'{checkpoint} does not hold the weights of model_type='
                f'{model_type!r}: {error}') from error
        if point_grids is not None:
            point_grids = [np.asarray(grid) for grid in point_grids]

        class Generator(SamAutomaticMaskGenerator):
            """Takes crops without any mask, too."""

            def _process_crop(self, *args):
                data = super()._process_crop(*args)
                # (0,) without masks, which has no place in (N, 4)
                data['crop_boxes'] = data['crop_boxes'].reshape(-1, 4)
                return data

        self._generator = Generator(
            model.to(device).eval(), points_per_side, points_per_batch,
            pred_iou_thresh, stability_score_thresh, stability_score_offset,
            box_nms_thresh, crop_n_layers, crop_nms_thresh, crop_overlap_ratio,
            crop_n_points_downscale_factor, point_grids, min_mask_region_area,
            'coco_rle')

    def propose(self, image: np.ndarray) -> Iterator[tuple[dict, float]]:
        for found in self._generator.generate(image):
            yield found['segmentation'], found['predicted_iou']
