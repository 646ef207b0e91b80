from __future__ import annotations
from collections.abc import Sequence

from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from .batch import image_seeds, restore_rgb, stack_label_maps, valid_area
from .open_vocabulary import OpenVocabularySegmentor, build_optional


@MODELS.register_module()
class SSeg(OpenVocabularySegmentor):
    """Open-vocabulary segmentation from pseudo-masks and captions (S-Seg,
    CVPR 2025).

    A MaskFormer without classes learns its masks from clustered features of
    the image, and what they show from the caption: the mean of the mask
    features, projected, is compared with the projected caption. The same
    projection is applied to single mask features when they are compared with
    the names of classes.

    Args:
        decode_head (dict): Config of :class:`SSegHead`.
        visual_projection (dict): Config of :class:`ProjectionMLP`;
            ``in_channels`` is added.
        mask_loss (dict, optional): Config of :class:`PseudoMaskLoss`. None
            trains without pseudo-masks.
        pseudo_mask_generator (dict, optional): Config of
            :class:`PseudoMaskGenerator`, which works on each training batch
            as it is after augmentation. None takes ``gt_sem_seg`` of the
            samples, from a cache.
        average (str): What an image's feature is the mean of: 'features', the
            mask features, which are projected then, as in the paper; or
            'projections', the projected mask features, so that the
            projection sees single ones in training as in testing.
        loss_scale (float): Factor of all losses. 1 is the paper's eq. 4, its
            pseudocode has 0.5.
        others: See :class:`OpenVocabularySegmentor`.
    """

    def __init__(self,
                 decode_head: dict,
                 visual_projection: dict,
                 *,
                 mask_loss: dict | None = None,
                 pseudo_mask_generator: dict | None = None,
                 average: str = 'features',
                 loss_scale: float = 1.,
                 **others) -> None:
        if average not in ('features', 'projections'):
            raise ValueError("average must be 'features' or 'projections', "
                             f'got {average!r}')
        head = MODELS.build(decode_head)
        super().__init__(
            visual_projection=dict(
                in_channels=head.feat_channels, **visual_projection),
            **others)
        self.decode_head = head
        self.mask_loss = build_optional(mask_loss)
        self.pseudo_mask_generator = build_optional(pseudo_mask_generator)
        self.average = average
        self.loss_scale = loss_scale

    def loss(self, inputs: Tensor,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compute the losses of images and captions.

        Args:
            inputs (Tensor): (B, 3, H, W) normalized images.
            data_samples (list[SegDataSample]): Of length B, metainfo ``text``
                and, optional, ``sample_id``, ``prompts``; without a generator
                ``gt_sem_seg``, the label map of the pseudo-masks.

        Returns:
            dict[str, Tensor]: Those of ``mask_loss`` and of
            :meth:`text_losses`.
        """
        predictions = self.decode_head(
            self.extract_feat(inputs),
            all_layers=self.mask_loss is not None
            and self.mask_loss.deep_supervision)
        images = self._image_features(predictions.query_features)
        losses = self.text_losses(images, data_samples)
        if self.mask_loss is not None:
            label_maps = self.pseudo_masks(inputs, data_samples)
            losses.update(self.mask_loss(predictions.mask_logits, label_maps))
        return {
            name: value * self.loss_scale if 'loss' in name else value
            for name, value in losses.items()
        }

    def _image_features(self, query_features: Tensor) -> Tensor:
        """One feature (B, D) per image of those of its masks (B, N, C)."""
        if self.average == 'projections':
            return self.visual_projection(query_features).mean(1)
        return self.visual_projection(query_features.mean(1))  # Sec. 3.4

    def pseudo_masks(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> Tensor:
        """Label maps (B, H, W) int64 of the clusters, 255 in the padding."""
        if self.pseudo_mask_generator is None:
            return stack_label_maps(data_samples)
        metas = [sample.metainfo for sample in data_samples]
        return self.pseudo_mask_generator(
            restore_rgb(inputs, self.data_preprocessor),
            seeds=image_seeds(metas),
            valid=valid_area(metas, inputs))

    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """The queries' masks and features, see
        :meth:`OpenVocabularySegmentor.regions`."""
        predictions = self.decode_head(
            self.extract_feat(inputs), all_layers=False)
        features = self.visual_projection(predictions.query_features)
        return predictions.mask_logits[-1], features

    def covered_size(self, cells: tuple[int, int],
                     size: tuple[int, int]) -> tuple[int, int]:
        """The cells are of a number of pixels each, counted from the upper
        left; the last ones may reach over the edge of an image that they do
        not divide. Stretched over it, masks would lie up to that much left of
        what they are."""
        height, width = (count * -(-pixels // count)
                         for count, pixels in zip(cells, size))
        return height, width
