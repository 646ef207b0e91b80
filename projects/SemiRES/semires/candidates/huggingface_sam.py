"""Candidates of the SAM family in HuggingFace's transformers."""
from __future__ import annotations
from collections.abc import Iterator

import numpy as np
import torch
from mmcv.ops import nms
from mmengine.utils import digit_version
from PIL import Image
from pycocotools import mask as mask_utils

from mmlangseg.io.digest import digests_of
from mmlangseg.io.huggingface_folder import load_huggingface_network
from .layer_prompts import LayerPrompts, points_per_layer
from .source import CANDIDATE_SOURCES, CandidateSource


@CANDIDATE_SOURCES.register_module(name='huggingface')
class HuggingFaceSAM(CandidateSource):
    """transformers' mask generation: SAM, SAM-HQ, SAM 2, EdgeTAM, ...

    The scores are the predicted IoU. SAM and SAM-HQ work with Pillow; the
    image processors of the others need torchvision.

    Args:
        model: Name on the hub or a folder.
        revision: Commit or tag of the model on the hub.
        device: Where the model runs.
        points_per_crop: Side of the grid of point prompts.
        points_per_batch: Prompts that run at the same time.
        pred_iou_thresh: Masks with a smaller predicted IoU are dropped. The
            package of SAM 2 uses 0.8.
        stability_score_thresh: So are those that change more than this with
            the cutoff.
        stability_score_offset: By how much the cutoff is changed for that.
        mask_threshold: The cutoff, in logits.
        crops_n_layers: If > 0, crops of the image are searched too; layer i
            has 2^i crops per side. Needs transformers 5.21, which is for
            Python 3.11; before, its pipeline gives all crops the prompts of
            one and ends with an error.
        crops_nms_thresh: Box IoU of duplicates.
        crop_overlap_ratio: Overlap of the crops of the first layer.
        crop_n_points_downscale_factor: Layer i has ``points_per_crop``
            divided by this to the power of i.

    Raises:
        ValueError: The installed transformers cannot search crops.
    """

    def __init__(self,
                 model: str,
                 revision: str | None = None,
                 device: str = 'cpu',
                 points_per_crop: int = 32,
                 points_per_batch: int = 64,
                 pred_iou_thresh: float = 0.88,
                 stability_score_thresh: float = 0.95,
                 stability_score_offset: float = 1.0,
                 mask_threshold: float = 0.0,
                 crops_n_layers: int = 0,
                 crops_nms_thresh: float = 0.7,
                 crop_overlap_ratio: float = 512 / 1500,
                 crop_n_points_downscale_factor: int = 1) -> None:
        points_per_layer(points_per_crop, crop_n_points_downscale_factor,
                         crops_n_layers)
        if crops_n_layers:
            _require_crops()
        settings = dict(
            points_per_crop=points_per_crop,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            mask_threshold=mask_threshold,
            crops_n_layers=crops_n_layers,
            crops_nms_thresh=crops_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor)
        self.parameters = dict(model=model, revision=revision, **settings)
        self.parameters.update(digests_of(model))
        self._settings = dict(settings, points_per_batch=points_per_batch)
        self._pipeline = _build_pipeline(model, revision, device)
        if self._pipeline.image_processor.squashes:
            # A cache begun with transformers' own prompts is not gone on with.
            self.parameters['prompts'] = 'all of the image'

    def propose(self, image: np.ndarray) -> Iterator[tuple[dict, float]]:
        found = self._pipeline(Image.fromarray(image), **self._settings)
        for runs, score in zip(found['rle_mask'], found['scores'].tolist()):
            yield mask_utils.frPyObjects(runs, *runs['size']), score


def _require_crops() -> None:
    from transformers import __version__ as installed
    if digit_version(installed) < digit_version('5.21.0'):
        raise ValueError(
            f'transformers {installed} cannot search crops of an image: '
            'install 5.21 or later, or leave out crops_n_layers')


def _build_pipeline(model: str, revision: str | None, device: str):
    from transformers import AutoImageProcessor, MaskGenerationPipeline

    class Pipeline(MaskGenerationPipeline):
        """Layers of crops one after the other, and run lengths only."""

        def preprocess(self,
                       image: Image.Image,
                       crops_n_layers: int = 0,
                       points_per_crop: int = 32,
                       crop_n_points_downscale_factor: int = 1,
                       **settings) -> Iterator[dict]:
            # The layers have grids of different sizes, which transformers
            # cannot put into one array.
            for layer in range(crops_n_layers + 1):
                side = points_per_layer(points_per_crop,
                                        crop_n_points_downscale_factor, layer)
                self.image_processor.layer = layer
                for batch in super().preprocess(
                        image,
                        crops_n_layers=layer,
                        points_per_crop=side,
                        **settings):
                    batch['full_image_size'] = torch.tensor(image.size[::-1])
                    batch['is_last'] &= layer == crops_n_layers
                    yield batch

        def postprocess(self, model_outputs, crops_nms_thresh: float = 0.7):
            # transformers' step needs torchvision
            runs = [rle for part in model_outputs for rle in part['masks']]
            scores = torch.cat([part['iou_scores'] for part in model_outputs])
            boxes = torch.cat([part['boxes'] for part in model_outputs])
            if not runs:
                return dict(rle_mask=[], scores=scores.reshape(-1))
            _, kept = nms(boxes.float(), scores.float(), crops_nms_thresh)
            return dict(
                rle_mask=[runs[i] for i in kept.tolist()], scores=scores[kept])

    try:
        processor = AutoImageProcessor.from_pretrained(
            model, revision=revision)
    except (ImportError, ValueError) as error:
        if 'torchvision' not in str(error):
            raise
        raise ImportError(
            f'the image processor of {model} needs torchvision (the one made '
            f'for your torch): pip install torchvision. ({error})') from error
    return Pipeline(
        model=load_huggingface_network(
            model, task='AutoModelForMaskGeneration', revision=revision),
        image_processor=LayerPrompts(processor),
        device=device)
