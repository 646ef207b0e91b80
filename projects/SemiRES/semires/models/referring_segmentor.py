from __future__ import annotations
from abc import abstractmethod

from mmseg.models import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

# What the post-processing reads.
_GEOMETRY = ('img_shape', 'img_padding_size', 'padding_size', 'flip',
             'flip_direction')


class ReferringSegmentor(BaseSegmentor):
    """What segmentors of one sentence per image have in common.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        eval_size (str): Size of the predictions: 'resized', that of the
            images in the test pipeline, as the papers evaluate, or
            'original'. The test pipeline has to load the target mask at the
            same size: before or behind ``Resize``.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    align_corners = False

    def __init__(self,
                 data_preprocessor: dict,
                 eval_size: str = 'resized',
                 init_cfg: dict | None = None) -> None:
        super().__init__(
            data_preprocessor=MODELS.build(data_preprocessor),
            init_cfg=init_cfg)
        if eval_size not in ('resized', 'original'):
            raise ValueError("eval_size must be 'resized' or 'original', got "
                             f'{eval_size!r}')
        self.eval_size = eval_size

    @abstractmethod
    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """Segment images, each by its sentence.

        Args:
            inputs (Tensor): (B, 3, H, W) normalized images.
            data_samples (list[SegDataSample]): Of length B, metainfo
                ``text``.

        Returns:
            Tensor: (B, 2, H, W) logits of background and target, in float32
            also under autocast.
        """

    def encode_decode(self, inputs: Tensor,
                      batch_data_samples: list[SegDataSample]) -> Tensor:
        """mmseg's name of :meth:`logits`."""
        return self.logits(inputs, batch_data_samples)

    def predict(self, inputs: Tensor,
                data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Segment images and put the results into their data samples.

        Returns:
            list[SegDataSample]: The given samples with ``pred_sem_seg.data``
            (1, H, W) int64, 1 inside the target, and ``seg_logits.data``
            (2, H, W), at the size ``eval_size``.
        """
        return self.put_masks(self.logits(inputs, data_samples), data_samples)

    def put_masks(self, logits: Tensor,
                  data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Put what logits (B, 2, H, W) say into the data samples."""
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


def sentences_of(data_samples: list[SegDataSample] | None) -> list[str]:
    """The sentence of every sample."""
    for sample in data_samples or [SegDataSample()]:
        if not isinstance(sample.get('text'), str):
            raise ValueError(
                f'{sample.get("img_path")} has no sentence: the model needs '
                "data samples with the metainfo 'text'; add it to `meta_keys` "
                'of PackSegInputs')
    return [sample.text for sample in data_samples]
