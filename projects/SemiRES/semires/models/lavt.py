from __future__ import annotations

import torch
import torch.nn.functional as F
from mmseg.models import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

# What the post-processing reads.
_GEOMETRY = ('img_shape', 'img_padding_size', 'padding_size', 'flip',
             'flip_direction')


@MODELS.register_module()
class LAVT(BaseSegmentor):
    """Language-aware vision Transformer for one sentence per image.

    The words are fused with the image inside the backbone (LAVT, CVPR 2022).
    A sentence is all that the text encoder makes of it: its vector, which for
    BERT is the [CLS] token, and its words.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        text_encoder (dict): Config of a text encoder.
        backbone (dict): Config of :class:`MultiModalSwin`;
            ``word_channels`` is added.
        decode_head (dict): Config of :class:`LAVTHead`; ``in_channels`` is
            added.
        loss (dict): Config of :class:`ReferringCrossEntropy`.
        eval_size (str): Size of the predictions: 'resized', that of the
            images in the test pipeline, as the papers evaluate, or
            'original'. The test pipeline has to load the target mask at the
            same size: before or behind ``Resize``.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 text_encoder: dict,
                 backbone: dict,
                 decode_head: dict,
                 loss: dict,
                 eval_size: str = 'resized',
                 init_cfg: dict | None = None) -> None:
        super().__init__(
            data_preprocessor=MODELS.build(data_preprocessor),
            init_cfg=init_cfg)
        if eval_size not in ('resized', 'original'):
            raise ValueError("eval_size must be 'resized' or 'original', got "
                             f'{eval_size!r}')
        self.text_encoder = MODELS.build(text_encoder)
        self.backbone = MODELS.build(
            dict(word_channels=self.text_encoder.out_channels, **backbone))
        self.decode_head = MODELS.build(
            dict(in_channels=self.backbone.num_features, **decode_head))
        self.criterion = MODELS.build(loss)
        self.eval_size = eval_size
        self.align_corners = self.decode_head.align_corners

    def extract_feat(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> list[Tensor]:
        """Features of images (B, 3, H, W), each read with its sentence.

        Returns:
            list[Tensor]: Of each stage, (B, C_i, H_i, W_i).
        """
        text = self.text_encoder(_sentences(data_samples))
        return self.backbone(inputs, *text.with_sentence())

    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """Segment images, each by its sentence.

        Args:
            inputs (Tensor): (B, 3, H, W) normalised images.
            data_samples (list[SegDataSample]): Of length B, metainfo
                ``text``.

        Returns:
            Tensor: (B, 2, H, W) logits of background and target, in float32
            also under autocast.
        """
        logits = self.decode_head(self.extract_feat(inputs, data_samples))
        if logits.dtype != torch.float64:  # of a model in double precision
            logits = logits.float()
        return F.interpolate(
            logits,
            size=inputs.shape[-2:],
            mode='bilinear',
            align_corners=self.align_corners)

    def encode_decode(self, inputs: Tensor,
                      batch_data_samples: list[SegDataSample]) -> Tensor:
        """mmseg's name of :meth:`logits`."""
        return self.logits(inputs, batch_data_samples)

    def loss(self, inputs: Tensor,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compute ``loss_ce`` of images and their target masks."""
        targets = stack_targets(data_samples, inputs.shape[-2:])
        logits = self.logits(inputs, data_samples)
        return dict(loss_ce=self.criterion(logits, targets))

    def predict(self, inputs: Tensor,
                data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Segment images and put the results into their data samples.

        Returns:
            list[SegDataSample]: The given samples with ``pred_sem_seg.data``
            (1, H, W) int64, 1 inside the target, and ``seg_logits.data``
            (2, H, W), at the size ``eval_size``.
        """
        logits = self.logits(inputs, data_samples)
        if self.eval_size == 'original':
            return self.postprocess_result(logits, data_samples)
        # mmseg's post-processing resizes to `ori_shape`.
        resized = self.postprocess_result(logits, [
            SegDataSample(
                metainfo=dict({k: s.get(k)
                               for k in _GEOMETRY if k in s},
                              ori_shape=s.img_shape)) for s in data_samples
        ])
        for sample, result in zip(data_samples, resized):
            sample.pred_sem_seg = result.pred_sem_seg
            sample.seg_logits = result.seg_logits
        return data_samples

    def _forward(self, inputs: Tensor,
                 data_samples: list[SegDataSample]) -> Tensor:
        return self.logits(inputs, data_samples)


def stack_targets(data_samples: list[SegDataSample],
                  size: tuple[int, int]) -> Tensor:
    """Target masks of a batch.

    Args:
        data_samples (list[SegDataSample]): Of length B, with
            ``gt_sem_seg.data`` (1, H, W), 1 inside the target.
        size (tuple[int, int]): H, W of the images.

    Returns:
        Tensor: (B, H, W) int64.

    Raises:
        ValueError: A mask is absent or has another size than its image.
    """
    masks = []
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.get("img_path")} has no target mask: the training '
                'pipeline must put `gt_seg_map` into the results')
        mask = sample.gt_sem_seg.data.long()
        if mask.shape[-2:] != size:
            raise ValueError(
                f'{sample.get("img_path")}: target mask of '
                f'{tuple(mask.shape[-2:])}, image of {tuple(size)}; the '
                'training pipeline must load the mask before `Resize`')
        masks.append(mask)
    return torch.cat(masks)


def _sentences(data_samples: list[SegDataSample] | None) -> list[str]:
    """The sentence of every sample."""
    for sample in data_samples or [SegDataSample()]:
        if not isinstance(sample.get('text'), str):
            raise ValueError(
                f'{sample.get("img_path")} has no sentence: LAVT needs data '
                "samples with the metainfo 'text'; add it to `meta_keys` of "
                'PackSegInputs')
    return [sample.text for sample in data_samples]
