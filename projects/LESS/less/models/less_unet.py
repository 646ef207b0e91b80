from __future__ import annotations
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import spconv.pytorch as spconv
import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .ragged import RaggedRows
from .scene_grid import SceneGrid
from .voxelize import VoxelScene

# The names of the layers and their order inside `nn.Sequential` are those of
# the SPFormer family, so that its checkpoints load with little renaming.
_norm = partial(nn.BatchNorm1d, eps=1e-4, momentum=0.1)


class TabledSparseConv3d(spconv.SparseConv3d):
    """Strided convolution that also accepts an index table made before.

    spconv reuses the tables of submanifold convolutions only.
    """

    def forward(self, x: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        table = x.find_indice_pair(self.indice_key)
        if table is None:
            return super().forward(x)
        features = spconv.functional.indice_conv(x.features, self.weight,
                                                 table.indice_pairs,
                                                 table.indice_pair_num,
                                                 len(table.out_indices),
                                                 table.algo)
        return spconv.SparseConvTensor(
            features,
            table.out_indices,
            table.out_spatial_shape,
            x.batch_size,
            indice_dict=x.indice_dict)


class ResidualBlock(spconv.SparseModule):
    """Pre-activation residual block of two submanifold convolutions."""

    def __init__(self, in_channels: int, out_channels: int,
                 indice_key: str) -> None:
        super().__init__()
        self.i_branch = nn.Identity() if in_channels == out_channels else \
            spconv.SparseSequential(
                spconv.SubMConv3d(
                    in_channels, out_channels, 1, bias=False, fp32_accum=True))
        self.conv_branch = spconv.SparseSequential(
            _norm(in_channels), nn.ReLU(inplace=True),
            _subm(in_channels, out_channels, indice_key), _norm(out_channels),
            nn.ReLU(inplace=True), _subm(out_channels, out_channels,
                                         indice_key))

    def forward(self, x: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        out = self.conv_branch(x)
        # In place: no backward pass reads what a convolution has put out.
        return out.replace_feature(
            out.features.add_(self.i_branch(x).features))


class UNetLevel(nn.Module):
    """One level of the U-Net: fusion with the words, encoder, decoder.

    Args:
        channels (list[int]): Channels of this level and all below it.
        level (int): Number of this level from 1.
        block_reps (int): Residual blocks of encoder and of decoder.
        fusion (dict, optional): Config of the word fusion.
        word_channels (int): Channels of the text encoder.
    """

    def __init__(self, channels: list[int], level: int, block_reps: int,
                 fusion: dict | None, word_channels: int) -> None:
        super().__init__()
        here, subm_key, conv_key = (channels[0], f'subm{level}',
                                    f'spconv{level}')
        self.fusion = None if fusion is None else MODELS.build(
            dict(channels=here, word_channels=word_channels, **fusion))
        self.blocks = _residual_blocks(here, here, block_reps, subm_key)
        self.u = None
        if len(channels) > 1:
            below = channels[1]
            self.conv = spconv.SparseSequential(
                _norm(here), nn.ReLU(inplace=True),
                TabledSparseConv3d(
                    here,
                    below,
                    2,
                    stride=2,
                    bias=False,
                    indice_key=conv_key,
                    fp32_accum=True))
            self.u = UNetLevel(channels[1:], level + 1, block_reps, fusion,
                               word_channels)
            self.deconv = spconv.SparseSequential(
                _norm(below), nn.ReLU(inplace=True),
                spconv.SparseInverseConv3d(
                    below,
                    here,
                    2,
                    bias=False,
                    indice_key=conv_key,
                    fp32_accum=True))
            self.blocks_tail = _residual_blocks(2 * here, here, block_reps,
                                                subm_key)

    def forward(self, x: spconv.SparseConvTensor, expressions: list[int],
                words: Tensor, word_mask: Tensor) -> spconv.SparseConvTensor:
        if self.fusion is not None:
            layout = RaggedRows.from_sample_index(x.indices[:, 0], expressions)
            x = x.replace_feature(
                self.fusion(x.features, layout, words, word_mask))
        x = self.blocks(x)
        if self.u is None:
            return x
        up = self.deconv(self.u(self.conv(x), expressions, words, word_mask))
        skip = up.replace_feature(torch.cat([x.features, up.features], 1))
        return self.blocks_tail(skip)


@dataclass
class EncodedScenes:
    """The part of the U-Net that does not depend on the words.

    Attributes:
        grid (SceneGrid): Voxels and index tables.
        features (list[Tensor]): Of length B, each (M_i, C): output of the
            input convolution.
    """

    grid: SceneGrid
    features: list[Tensor]


@MODELS.register_module()
class LESSUNet(BaseModule):
    """Sparse 3D U-Net whose encoder levels read the sentence (Sec. 3.2).

    Args:
        in_channels (int): Channels of a voxel: x, y, z, r, g, b.
        channels (list[int]): Channels of the levels, finest first.
        block_reps (int): Residual blocks of each encoder and decoder level.
        fusion (dict, optional): Config of the module that gives the words to
            an encoder level, applied before its residual blocks. None leaves
            the U-Net blind to the words.
        pad_grid (bool): Round the extent of the grid up, so that strided
            convolutions keep every voxel. The released code does not: the
            voxels on the far side of an odd extent are invisible below that
            level, and what is odd depends on the other scenes of the batch.
        word_channels (int): Channels of the text encoder.
    """

    def __init__(
        self,
        in_channels: int = 6,
        channels: Sequence[int] = (32, 64, 96, 128, 160),
        block_reps: int = 2,
        fusion: dict | None = dict(type='PWCA'),
        pad_grid: bool = True,
        word_channels: int = 768,
    ) -> None:
        super().__init__()
        self.num_levels = len(channels)
        self.pad_grid = pad_grid
        self.out_channels = channels[0]
        self.input_conv = spconv.SparseSequential(
            _subm(in_channels, channels[0], 'subm1'))
        self.unet = UNetLevel(
            list(channels), 1, block_reps, fusion, word_channels)
        self.output_layer = spconv.SparseSequential(
            _norm(channels[0]), nn.ReLU(inplace=True))

    def encode_scenes(self, scenes: list[VoxelScene]) -> EncodedScenes:
        """Compute what does not depend on the words, once per scene.

        Args:
            scenes (list[VoxelScene]): Of length B.
        """
        grid = SceneGrid(scenes, self.num_levels, self.pad_grid)
        features = torch.cat([scene.features for scene in scenes])
        x = self.input_conv(grid.tensor(features, [1] * len(scenes)))
        return EncodedScenes(grid, list(x.features.split(grid.voxels)))

    def forward(self, scenes: EncodedScenes, expressions: list[int],
                words: Tensor, word_mask: Tensor) -> list[Tensor]:
        """Compute voxel features for every expression of every scene.

        Args:
            scenes (EncodedScenes): Of :meth:`encode_scenes`.
            expressions (list[int]): Of length B, number E of expressions of
                each scene; S is their sum.
            words (Tensor): (S, L, C_text).
            word_mask (Tensor): (S, L) bool, True for real words.

        Returns:
            list[Tensor]: Of length B, each (E_i, M_i, C).
        """
        features = torch.cat([
            rows.repeat(e, 1) for rows, e in zip(scenes.features, expressions)
        ])
        x = self.unet(
            scenes.grid.tensor(features, expressions), expressions, words,
            word_mask)
        layout = RaggedRows(expressions, scenes.grid.voxels)
        return list(layout.split(self.output_layer(x).features))


def _subm(in_channels: int, out_channels: int,
          indice_key: str) -> spconv.SubMConv3d:
    return spconv.SubMConv3d(
        in_channels,
        out_channels,
        3,
        padding=1,
        bias=False,
        indice_key=indice_key,
        # in half precision, the fastest kernel may sum in half precision
        fp32_accum=True)


def _residual_blocks(in_channels: int, out_channels: int, repeats: int,
                     indice_key: str) -> spconv.SparseSequential:
    channels = [in_channels] + [out_channels] * repeats
    return spconv.SparseSequential(
        OrderedDict((f'block{i}',
                     ResidualBlock(channels[i], channels[i + 1], indice_key))
                    for i in range(repeats)))
