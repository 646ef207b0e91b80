from __future__ import annotations
import math
from collections.abc import Sequence

from mmengine.logging import print_log
from mmengine.model import ModuleList
from mmengine.model.weight_init import trunc_normal_init
from mmseg.models.backbones import SwinTransformer
from mmseg.models.backbones.swin import WindowMSA
from mmseg.registry import MODELS
from torch import Tensor, nn

from .swin_checkpoint import load_swin_checkpoint


@MODELS.register_module()
class MultiModalSwin(SwinTransformer):
    """Swin Transformer that reads a sentence along with the image (LAVT).

    After the blocks of every stage the words are fused with the image. The
    normalized fused features are the stage's output; through a gate they are
    also added to the image features that go on to the next stage (LAVT, CVPR
    2022, Sec. 3.1).

    Takes all arguments of :class:`mmseg.models.backbones.SwinTransformer`
    besides:

    Args:
        word_channels (int): Channels of the words.
        fusion (dict): Config of the fusion of one stage, such as
            :class:`PWAM`; ``channels``, ``word_channels`` and ``num_heads``
            are added.
        fusion_heads (Sequence[int]): Heads of the fusion, per stage.
        gate (dict, optional): Config of the gate of one stage;
            ``channels`` is added. None adds the fused features as they are.
        init_cfg (dict, optional): ``dict(type='Pretrained',
            checkpoint=...)`` loads a Swin trained on images: path or URL,
            with the original or mmseg's names, of any window size. None
            starts from random weights.
        **swin: Arguments of mmseg's ``SwinTransformer``.
    """

    checks_pretrained = True  # see `watch_pretrained`

    def __init__(
        self,
        word_channels: int,
        fusion: dict = dict(type='PWAM'),
        fusion_heads: Sequence[int] = (1, 1, 1, 1),
        gate: dict | None = dict(type='LanguageGate'),
        init_cfg: dict | None = None,
        **swin,
    ) -> None:
        super().__init__(init_cfg=init_cfg, **swin)
        if len(fusion_heads) != len(self.stages):
            raise ValueError(
                f'fusion_heads={tuple(fusion_heads)} must have one number '
                f'for each of the {len(self.stages)} stages')
        if init_cfg and init_cfg.get('type') != 'Pretrained':
            raise ValueError("init_cfg must be None or dict(type='Pretrained'"
                             f', checkpoint=...), got {init_cfg}')
        self.fusions = ModuleList(
            MODELS.build(
                dict(
                    channels=channels,
                    word_channels=word_channels,
                    num_heads=heads,
                    **fusion))
            for channels, heads in zip(self.num_features, fusion_heads))
        # Nothing follows the last stage, so it has no gate.
        self.gates = ModuleList(
            nn.Identity() if gate is
            None else MODELS.build(dict(channels=channels, **gate))
            for channels in self.num_features[:-1])
        self.stride = math.prod(swin.get('strides', (4, 2, 2, 2)))

    def init_weights(self) -> None:
        """Draw the weights as Swin does; load ``init_cfg``'s over them."""
        for module in (*self.patch_embed.modules(), *self.stages.modules()):
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02)
            elif isinstance(module, WindowMSA):
                module.init_weights()
        self.fusions.init_weights()
        self.gates.init_weights()
        if self.init_cfg is None:
            print_log(
                'MultiModalSwin starts from random weights', logger='current')
        else:
            load_swin_checkpoint(self, self.init_cfg['checkpoint'])

    def train(self, mode: bool = True) -> MultiModalSwin:
        """Switch the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        return self  # mmseg's returns None

    def forward(self, x: Tensor, words: Tensor,
                word_mask: Tensor) -> list[Tensor]:
        """Extract features of images, each read along with a sentence.

        Args:
            x (Tensor): (B, 3, H, W) normalized images.
            words (Tensor): (B, L, C_word).
            word_mask (Tensor): (B, L) bool, True for real words.

        Returns:
            list[Tensor]: Fused features of the stages in ``out_indices``,
            each (B, C_i, H_i, W_i).

        Raises:
            ValueError: The image is so small that one position is left in
                the last stage, where the fusion normalizes over positions.
        """
        height, width = x.shape[-2:]
        if max(height, width) <= self.stride:
            raise ValueError(
                f'images of {height} x {width} pixels are too small: one '
                f'side must exceed {self.stride} pixels, so that more than '
                'one position is left in the last stage')
        x, size = self.patch_embed(x)  # (B, N_1, C_1)
        if self.use_abs_pos_embed:
            x = x + self.absolute_pos_embed
        x = self.drop_after_pos(x)
        outputs = []
        for i, (stage, fusion) in enumerate(zip(self.stages, self.fusions)):
            for block in stage.blocks:
                x = block(x, size)
            fused = fusion(x, words, word_mask)  # (B, N_i, C_i)
            if i in self.out_indices:
                out = getattr(self, f'norm{i}')(fused)
                outputs.append(out.transpose(1, 2).unflatten(2, size))
            if stage.downsample is not None:
                x = x + self.gates[i](fused)
                x, size = stage.downsample(x, size)  # (B, N_i / 4, 2 C_i)
        return outputs
