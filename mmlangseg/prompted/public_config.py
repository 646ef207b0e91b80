"""Configs of public models, for those who name a model and nothing else."""
from __future__ import annotations
from typing import Any

from mmengine.config import Config

from mmlangseg.io.huggingface_folder import load_huggingface_config

_IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
# RGB values of which the images are normalized, by `model_type`.
_COLORS = dict(
    clipseg=_IMAGENET,
    groupvit=_IMAGENET,
    sam3=dict(mean=[127.5] * 3, std=[127.5] * 3),
    sam3_video=dict(mean=[127.5] * 3, std=[127.5] * 3))
_NETWORKS = dict(
    clipseg='CLIPSegNetwork', sam3='SAM3Network', sam3_video='SAM3Network')
TAKES = ('classes', 'sentences')


def public_config(name: str, takes: str) -> Config:
    """Say how a public model is built, and images are prepared for it.

    Args:
        name: On the hub, or a folder of transformers: CLIPSeg, SAM 3 or, for
            classes, GroupViT.
        takes: 'classes' or 'sentences'.

    Raises:
        OSError: There is no such model.
        ValueError: It is another kind of model.
    """
    if takes not in TAKES:
        raise ValueError(f'takes must be one of {TAKES}, got {takes!r}')
    known = load_huggingface_config(name)
    kind = known.model_type
    groups = kind == 'groupvit' and takes == 'classes'
    if kind not in _NETWORKS and not groups:
        kinds = ['clipseg', 'sam3']
        kinds += ['groupvit'] if takes == 'classes' else []
        raise ValueError(
            f'{name} is a {kind} of transformers, which does not take '
            f'{takes}: known are {", ".join(kinds)}; a model of mmlangseg has '
            'a config and a checkpoint, or is a folder of '
            'tools/publish_model.py')
    colors = dict(_COLORS[kind], bgr_to_rgb=True)
    model: dict[str, Any] = dict(
        data_preprocessor=dict(type='SegDataPreProcessor', **colors))
    if groups:
        model.update(
            type='GroupViT',
            pretrained=name,
            test_cfg=dict(
                mode='slide', crop_size=(448, 448), stride=(224, 224)))
        resize = dict(scale=(2048, 448), keep_ratio=True)
    else:
        model.update(
            type='PromptedClasses'
            if takes == 'classes' else 'PromptedReferring',
            pretrained=name,
            network=dict(type=_NETWORKS[kind]))
        resize = dict(scale=(_size(known), ) * 2, keep_ratio=False)
    project = 'sseg' if takes == 'classes' else 'semires'
    keys = ('text', 'ori_shape', 'img_shape', 'flip', 'flip_direction')
    pack: dict[str, Any] = dict(type='PackSegInputs')
    if takes == 'sentences':
        pack['meta_keys'] = keys
    return Config(
        dict(
            default_scope='mmseg',
            custom_imports=dict(
                imports=[f'mmlangseg.{project}'], allow_failed_imports=False),
            model=model,
            test_pipeline=[
                dict(type='LoadImage'),
                dict(type='Resize', backend='pillow', **resize), pack
            ]))


def _size(config: Any) -> int:
    """Height and width of the images that a network was trained with."""
    vision = getattr(config, 'detector_config', config).vision_config
    vision = getattr(vision, 'backbone_config', vision)
    if config.model_type == 'clipseg':
        return 352  # of the paper; its CLIP was trained at 224
    return vision.image_size
