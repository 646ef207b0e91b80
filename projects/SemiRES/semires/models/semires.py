from __future__ import annotations
import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from mmengine.logging import print_log
from mmseg.models import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.engine import require_matching_checkpoint
from ..refiners.refinement import Refinement
from .candidate_watch import CandidateWatch
from .targets import stack_targets
from .trainable_segmentor import require_trainable
from .views import require_same_place, require_same_side


@dataclass
class PseudoLabels:
    """What the teacher and the refiner say about B images.

    Attributes:
        prob (Tensor): (B, H, W) float32, the teacher's probability of the
            target.
        pseudo (Tensor): (B, H, W) bool, the teacher's masks.
        refinements (list[Refinement]): Of length B.
    """

    prob: Tensor
    pseudo: Tensor
    refinements: list[Refinement]

    @cached_property
    def masks(self) -> Tensor:
        """Refined masks, or pseudo-labels where nothing matched: (B, H, W)
        bool."""
        masks = np.stack([r.mask for r in self.refinements])
        return torch.from_numpy(masks).to(self.prob.device)

    @cached_property
    def matched(self) -> Tensor:
        """Whether a candidate matched: (B,) bool."""
        return torch.tensor([r.matched for r in self.refinements],
                            device=self.prob.device)

    @cached_property
    def trusted(self) -> Tensor:
        """Whether the mask needs no pixel weights: (B,) bool."""
        return torch.tensor([r.trusted for r in self.refinements],
                            device=self.prob.device)


@MODELS.register_module()
class SemiRES(BaseSegmentor):
    """Semi-supervised referring segmentation (SemiRES, ICML 2024).

    A student learns from a few labelled images and from the masks that a
    teacher, its moving average, gives to the others (Sec. 3.2); a refiner
    replaces these masks by what SAM's candidates make of them (Sec. 3.3).
    The teacher is moved by :class:`TeacherHook`.

    Without a branch ``unsup_teacher`` in the batch only the supervised loss
    is computed; with ``refiner=dict(type='KeepPseudoLabel')`` it is the plain
    mean teacher.

    Args:
        segmentor (dict): Config of student and teacher, a :class:`LAVT` or
            another :class:`TrainableSegmentor`.
        refiner (dict): Config of :class:`IOM`, :class:`CPI` or
            :class:`KeepPseudoLabel`.
        pseudo_label_loss (dict): Config of :class:`PseudoLabelLoss`, its
            ``loss_weight`` is the paper's lambda.
        sup_weight (float): Factor of the supervised loss. The released code
            has 10 with IOM and 1 with CPI.
        semi_test_cfg (dict): ``predict_on``: 'teacher' or 'student'.
        data_preprocessor (dict): Config of
            ``mmdet.MultiBranchDataPreprocessor`` around that of the
            segmentor.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 segmentor: dict,
                 data_preprocessor: dict,
                 refiner: dict = dict(type='IOM'),
                 pseudo_label_loss: dict = dict(type='PseudoLabelLoss'),
                 sup_weight: float = 10.,
                 semi_test_cfg: dict = dict(predict_on='teacher'),
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.student = MODELS.build(segmentor)
        require_trainable(self.student)
        if getattr(self.student, 'no_target', None) is not None:
            raise ValueError('segmentor.no_target: only LAVT alone trains '
                             'that head, SemiRES would leave it random; set '
                             'it to None')
        self.teacher = MODELS.build(segmentor)
        self.teacher.requires_grad_(False)
        self.refiner = MODELS.build(refiner)
        self.pseudo_label_loss = MODELS.build(pseudo_label_loss)
        self.sup_weight = sup_weight
        # mmdet's TeacherStudentValLoop writes into it.
        self.semi_test_cfg = dict(semi_test_cfg)
        if self.semi_test_cfg.get('predict_on') not in ('teacher', 'student'):
            raise ValueError("semi_test_cfg.predict_on must be 'teacher' or "
                             f"'student', got {semi_test_cfg}")
        self._watch = CandidateWatch()
        self.register_load_state_dict_pre_hook(_share_plain_checkpoint)

    def train(self, mode: bool = True) -> SemiRES:
        """Switch the mode of the student; the teacher only evaluates."""
        super().train(mode)
        self.teacher.eval()
        if not mode and self._chosen is self.teacher and \
                self.teacher_is_untrained():
            print_log(
                'the teacher of these weights was never moved, so that its '
                'masks are those of random weights, while the student was '
                'trained, as by a burn-in: set model.semi_test_cfg.predict_on'
                '=student', 'current', logging.WARNING)
        return self

    def teacher_is_untrained(self) -> bool:
        """Whether the student has seen images, but the teacher has nothing of
        it. :class:`TeacherHook` copies the counts of batch norm; without them
        there is no telling."""
        student, teacher = (
            any(
                bool(value) for name, value in network.named_buffers()
                if name.endswith('num_batches_tracked'))
            for network in (self.student, self.teacher))
        return student and not teacher

    def loss(self, inputs: dict[str, Tensor],
             data_samples: dict[str, list[SegDataSample]]) -> dict:
        """Compute the losses of a batch with several branches.

        Args:
            inputs (dict): Images (B, 3, H, W) of the branches ``sup`` and,
                optional, ``unsup_teacher`` (weak view) and ``unsup_student``
                (strong view of the same images).
            data_samples (dict): The data samples of each branch.

        Returns:
            dict: ``sup_loss`` and ``unsup_loss``, and what is only logged:
            the share of samples that a candidate ``matched``, with a refiner
            that looks at none the share that is ``trusted``, and, if the
            unlabelled images have masks all the same, the mean IoU in percent
            of the pseudo-labels before and after the refinement
            (``pseudo_mIoU``, ``refined_mIoU``).
        """
        targets = stack_targets(data_samples['sup'], inputs['sup'].shape[-2:])
        if 'unsup_teacher' not in inputs:
            logits = self.student.logits(inputs['sup'], data_samples['sup'])
            return dict(sup_loss=self._supervised(logits, targets))
        require_same_place(data_samples['unsup_teacher'],
                           data_samples['unsup_student'])
        labels = self.pseudo_labels(inputs['unsup_teacher'],
                                    data_samples['unsup_teacher'])
        # Together, so that batch norm sees both.
        logits = self.student.logits(
            torch.cat([inputs['sup'], inputs['unsup_student']]),
            data_samples['sup'] + data_samples['unsup_student'])
        labelled, unlabelled = logits.split([len(targets), len(labels.pseudo)])
        losses = dict(
            sup_loss=self._supervised(labelled, targets),
            unsup_loss=self.pseudo_label_loss(unlabelled, labels.masks,
                                              labels.trusted, labels.prob),
            matched=labels.matched.float().mean())
        if not self._uses_candidates:  # else those that matched
            losses['trusted'] = labels.trusted.float().mean()
        losses.update(_quality(labels, data_samples['unsup_teacher']))
        return losses

    def _supervised(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self.sup_weight * self.student.criterion(logits, targets)

    @torch.no_grad()
    def pseudo_labels(self, inputs: Tensor,
                      data_samples: list[SegDataSample]) -> PseudoLabels:
        """Let the teacher segment weak views, and refine its masks.

        Args:
            inputs (Tensor): (B, 3, H, W).
            data_samples (list[SegDataSample]): Of length B, metainfo ``text``
                and ``candidates`` if the refiner looks at them: None for an
                image that has no entry in the cache.

        Raises:
            ValueError: The pipeline does not load what the refiner needs, or
                has flipped the images without it.
        """
        if self._uses_candidates and not all('candidates' in sample
                                             for sample in data_samples):
            raise ValueError(
                f'{type(self.refiner).__name__} refines with mask candidates, '
                'but the pipeline of the unlabelled images does not load '
                'them: put LoadMaskCandidates before its PackSegInputs, with '
                '"candidates" in meta_keys, or use the refiner '
                'KeepPseudoLabel')
        if self._uses_candidates:
            require_same_side(data_samples)
            self._watch(data_samples)
        logits = self.teacher.logits(inputs, data_samples)
        prob = logits.float().softmax(1)[:, 1]
        pseudo = logits.argmax(1) == 1
        refinements = [
            self.refiner(mask, sample.get('candidates'))
            for mask, sample in zip(pseudo.cpu().numpy(), data_samples)
        ]
        return PseudoLabels(prob, pseudo, refinements)

    def predict(self, inputs: Tensor,
                data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Segment with the network that ``semi_test_cfg`` names."""
        return self._chosen.predict(inputs, data_samples)

    def _forward(self, inputs: Tensor,
                 data_samples: list[SegDataSample]) -> Tensor:
        return self._chosen.logits(inputs, data_samples)

    def extract_feat(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> list[Tensor]:
        """Features of the network that ``semi_test_cfg`` names."""
        return self._chosen.extract_feat(inputs, data_samples)

    def encode_decode(self, inputs: Tensor,
                      batch_data_samples: list[SegDataSample]) -> Tensor:
        """Logits of the network that ``semi_test_cfg`` names."""
        return self._chosen.encode_decode(inputs, batch_data_samples)

    @property
    def _uses_candidates(self) -> bool:
        return getattr(self.refiner, 'uses_candidates', True)

    @property
    def _chosen(self) -> BaseSegmentor:
        return getattr(self, self.semi_test_cfg['predict_on'])


def _quality(labels: PseudoLabels,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
    """IoU with the true masks, which are not used for anything else."""
    if not all('gt_sem_seg' in sample for sample in data_samples):
        return {}
    truth = stack_targets(data_samples, labels.pseudo.shape[-2:]) == 1
    quality = {}
    for name, masks in (('pseudo', labels.pseudo), ('refined', labels.masks)):
        inter = (masks & truth).sum((1, 2))
        union = (masks | truth).sum((1, 2))
        # nothing is meant, and nothing found
        iou = torch.where(union > 0, inter / union.clamp(min=1), 1.)
        quality[f'{name}_mIoU'] = 100 * iou.mean()
    return quality


def _share_plain_checkpoint(module: SemiRES, state_dict: dict, prefix: str,
                            *_) -> None:
    """Load the weights of one network, from the burn-in, into both.

    Raises:
        ValueError: It is another network; MMEngine would begin the mutual
            learning with random weights.
    """
    names = [name for name in state_dict if name.startswith(prefix)]
    parts = ('student.', 'teacher.')
    if any(name[len(prefix):].startswith(parts) for name in names):
        return
    network = {
        name.removeprefix(prefix): state_dict.pop(name)
        for name in names
    }
    encoder = {}
    if not any(name.startswith('text_encoder.') for name in network):
        # of a released file without it: the pretrained one stays
        encoder = {
            name: value
            for name, value in module.student.state_dict().items()
            if name.startswith('text_encoder.')
        }
    require_matching_checkpoint(module.student, {**encoder, **network})
    for name, value in network.items():
        if not name.startswith('data_preprocessor.'):
            for part in parts:
                state_dict[prefix + part + name] = value
