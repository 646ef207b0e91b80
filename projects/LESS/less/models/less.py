from __future__ import annotations
from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmlangseg.cpu.chunks import sentences_at_once, slices
from mmlangseg.cpu.threads import map_on_threads
from mmlangseg.text import TextFeatures
from .less_unet import EncodedScenes
from .qmp import QueryMasks
from .voxelize import VoxelScene


@MODELS.register_module()
class LESS(BaseModel):
    """Label-efficient and single-stage referring 3D segmentation.

    A sparse U-Net reads the scene together with the words (PWCA), a query
    mask predictor (QMP) proposes masks, and the sentence weighs them (QSA).
    Trained from one binary mask per sentence (LESS, NeurIPS 2024).

    Everything behind the voxelisation works on voxels that carry the number
    of their points. All points of a voxel have equal features, so attention
    and losses equal those over the points.

    Args:
        data_preprocessor (dict): Config of :class:`LESSDataPreprocessor`.
        text_encoder (dict): Config of a text encoder.
        backbone (dict): Config of :class:`LESSUNet`.
        decoder (dict): Config of :class:`QMP`.
        aggregator (dict): Config of :class:`QSA` or :class:`QueryScoreMLP`.
        losses (dict[str, dict]): Configs of the losses by name. Each is
            called with logits, features and targets and logged as
            ``loss_<name>``.
        mask_choice (str): 'weighted_sum' of the masks (Eq. 6), or 'top1': at
            test time only the mask of largest weight (Table 10).
        expressions_per_pass (int): Expressions of a scene that go through the
            network together at test time on CUDA; bounds the memory. On the
            CPU, where that is faster, they go one by one. To be 1 where the
            fusion does not mask padded words, on which results would depend.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 text_encoder: dict,
                 backbone: dict,
                 decoder: dict,
                 aggregator: dict,
                 losses: dict[str, dict],
                 mask_choice: str = 'weighted_sum',
                 expressions_per_pass: int = 8) -> None:
        super().__init__(data_preprocessor=MODELS.build(data_preprocessor))
        if mask_choice not in ('weighted_sum', 'top1'):
            raise ValueError("mask_choice must be 'weighted_sum' or 'top1', "
                             f'got {mask_choice!r}')
        self.text_encoder = MODELS.build(text_encoder)
        text_channels = self.text_encoder.out_channels
        self.backbone = MODELS.build(
            dict(word_channels=text_channels, **backbone))
        self.decoder = MODELS.build(
            dict(in_channels=self.backbone.out_channels, **decoder))
        self.aggregator = MODELS.build(
            dict(
                sentence_channels=text_channels,
                embed_dims=self.decoder.embed_dims,
                **aggregator))
        self.losses = torch.nn.ModuleDict({
            name: MODELS.build(cfg)
            for name, cfg in losses.items()
        })
        self.mask_choice = mask_choice
        self.expressions_per_pass = expressions_per_pass

    def forward(self,
                inputs: dict,
                data_samples: Sequence[Det3DDataSample],
                mode: str = 'tensor'):
        """Run the model on preprocessed scenes.

        Args:
            inputs (dict): ``scenes``: list of length B of
                :class:`VoxelScene`; for 'predict' maybe ``encoded``, see
                :meth:`encode`.
            data_samples (Sequence[Det3DDataSample]): Of length B; metainfo
                ``expressions`` holds E_i dicts with the key ``text``, and
                ``gt_instances_3d.masks`` the targets (E_i, N_i) in training.
            mode (str): 'loss', 'predict' or 'tensor'.

        Returns:
            dict | list: Losses; data samples with ``pred_instances_3d``; or
            the voxel mask logits, of length B, each (E_i, M_i).
        """
        scenes = inputs['scenes']
        if mode == 'loss':
            return self.loss(scenes, data_samples)
        if mode == 'predict':
            return self.predict(scenes, data_samples, inputs.get('encoded'))
        if mode == 'tensor':
            return self.segment(
                self.backbone.encode_scenes(scenes), scenes,
                *self._encode_text(data_samples))[0]
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', "
                         f'got {mode!r}')

    def loss(self, scenes: list[VoxelScene],
             data_samples: Sequence[Det3DDataSample]) -> dict[str, Tensor]:
        """Compute every configured loss.

        Returns:
            dict[str, Tensor]: Scalars, ``loss_<name>``.
        """
        logits, features = self.segment(
            self.backbone.encode_scenes(scenes), scenes,
            *self._encode_text(data_samples))
        # Points of the target and of the rest in every voxel, each (E_i, M_i)
        positive = [
            scene.sum_points(sample.gt_instances_3d.masks)
            for scene, sample in zip(scenes, data_samples)
        ]
        negative = [
            scene.counts - points for scene, points in zip(scenes, positive)
        ]
        return {
            f'loss_{name}': loss(logits, features, positive, negative)
            for name, loss in self.losses.items()
        }

    def encode(self, inputs: dict) -> dict:
        """Do beforehand what a prediction does not need the sentences for.

        Args:
            inputs (dict): As of :meth:`forward`.

        Returns:
            dict: The same with ``encoded``, of length B, what the backbone
            makes of each scene. For any number of predictions.
        """
        encoded = [
            self.backbone.encode_scenes([scene]) for scene in inputs['scenes']
        ]
        return dict(inputs, encoded=encoded)

    def predict(
            self,
            scenes: list[VoxelScene],
            data_samples: Sequence[Det3DDataSample],
            encoded: list[EncodedScenes] | None = None
    ) -> list[Det3DDataSample]:
        """Segment every expression of every scene.

        Args:
            scenes (list[VoxelScene]): Of length B.
            data_samples (Sequence[Det3DDataSample]): Of length B.
            encoded (list[EncodedScenes], optional): Of length B, one scene
                each. None encodes a scene when its turn comes.

        Returns:
            list[Det3DDataSample]: The given samples with
            ``pred_instances_3d``: ``masks`` (E, N) bool, ``logits`` (E, N)
            float32 and ``scores`` (E,), the mean probability of the mask's
            points (0 for an empty mask).
        """
        for i, (scene, sample) in enumerate(zip(scenes, data_samples)):
            logits = self._segment_in_passes(
                scene, sample,
                self.backbone.encode_scenes([scene])
                if encoded is None else encoded[i])
            logits = logits[:, scene.point_to_voxel]
            masks = logits > 0  # probability above one half
            inside = (logits.sigmoid() * masks).sum(1)
            sample.pred_instances_3d = InstanceData(
                masks=masks,
                logits=logits,
                scores=inside / masks.sum(1).clamp(min=1))
        return list(data_samples)

    def _segment_in_passes(self, scene: VoxelScene, sample: Det3DDataSample,
                           encoded: EncodedScenes) -> Tensor:
        """Mask logits (E, M) of one scene, a few expressions at a time."""
        text, (count, ) = self._encode_text([sample])

        def segment(sentences: slice) -> Tensor:
            part = text.select(sentences)
            (rows, ), _ = self.segment(encoded, [scene], part,
                                       [len(part.sentence)])
            return rows.float()

        device = scene.features.device
        parts = slices(count,
                       sentences_at_once(device, self.expressions_per_pass))
        return torch.cat(map_on_threads(segment, parts, device))

    def _encode_text(
        self, data_samples: Sequence[Det3DDataSample]
    ) -> tuple[TextFeatures, list[int]]:
        """All S sentences of the samples, and the number of each sample."""
        texts = [[e['text'] for e in sample.expressions]
                 for sample in data_samples]
        return (self.text_encoder([t for ts in texts
                                   for t in ts]), [len(ts) for ts in texts])

    def segment(self, encoded: EncodedScenes, scenes: list[VoxelScene],
                text: TextFeatures,
                expressions: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        """Compute mask logits and features of all voxels.

        Args:
            encoded (EncodedScenes): What the backbone made of the scenes.
            scenes (list[VoxelScene]): Of length B.
            text (TextFeatures): S = sum(expressions) encoded sentences.
            expressions (list[int]): Of length B.

        Returns:
            tuple: Mask logits, of length B, each (E_i, M_i), and voxel
            features, of length B, each (E_i, M_i, C).
        """
        features, masks, weights = self.extract(encoded, scenes, text,
                                                expressions)
        logits = [self._aggregate(m.logits, w) for m, w in zip(masks, weights)]
        return logits, features

    def extract(
        self, encoded: EncodedScenes, scenes: list[VoxelScene],
        text: TextFeatures, expressions: list[int]
    ) -> tuple[list[Tensor], list[QueryMasks], list[Tensor]]:
        """Run backbone, decoder and aggregator on encoded text.

        Args:
            encoded (EncodedScenes): What the backbone made of the scenes.
            scenes (list[VoxelScene]): Of length B.
            text (TextFeatures): S = sum(expressions) encoded sentences.
            expressions (list[int]): Of length B.

        Returns:
            tuple: Of length B each: voxel features (E_i, M_i, C), query masks
            and query weights (E_i, K).
        """
        features = self.backbone(encoded, expressions, text.words,
                                 text.word_mask)
        masks = [
            self.decoder(rows, scene.counts)
            for rows, scene in zip(features, scenes)
        ]
        weights = [
            self.aggregator(m.queries, sentence)
            for m, sentence in zip(masks, text.sentence.split(expressions))
        ]
        return features, masks, weights

    def _aggregate(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Weigh masks (E, K, M) by (E, K): (E, M)."""
        if self.mask_choice == 'top1' and not self.training:
            best = weights.argmax(1)
            return logits[torch.arange(len(best), device=best.device), best]
        # The sign of the sum is the mask: half precision would move it.
        with torch.autocast(logits.device.type, enabled=False):
            return torch.einsum('ek,ekm->em', weights, logits)
