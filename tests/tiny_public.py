"""Tiny random CLIP, CLIPSeg, GroupViT and SAM 3, as the hub has them."""
from __future__ import annotations
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (CLIPConfig, CLIPModel, CLIPSegConfig,
                          CLIPSegForImageSegmentation, GroupViTConfig,
                          GroupViTModel, PreTrainedTokenizerFast)

SPECIAL = ['<pad>', '<s>', '</s>', '<unk>']
WORDS = 'a photo of . cat dog grass red sky the left on kitten table'.split()
TEXT = dict(
    vocab_size=20,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=16,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0)
EOS = 19  # of GroupViT, which looks for the largest number


def replace_weights(folder: Path) -> None:
    """Put other weights in place of those of a folder."""
    path = folder / 'model.safetensors'
    weights = {name: 2 * value for name, value in load_file(path).items()}
    save_file(weights, path, dict(format='pt'))


def write_tokenizer(folder: Path, eos: int = 2) -> None:
    """Write a tokenizer of :data:`WORDS`."""
    known = {word: i for i, word in enumerate(SPECIAL + WORDS)}
    known['</s>'] = eos
    tokenizer = Tokenizer(WordLevel(known, unk_token='<unk>'))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single='<s> $A </s>', special_tokens=[('<s>', 1), ('</s>', eos)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token='<s>',
        pad_token='<pad>',
        eos_token='</s>',
        unk_token='<unk>').save_pretrained(folder)


def save(network: torch.nn.Module, folder: Path, eos: int = 2) -> Path:
    """Save with weights so large that the outputs differ."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3, generator=random)
    network.save_pretrained(folder)
    write_tokenizer(folder, eos)
    return folder


def write_clip(folder: Path) -> Path:
    """A CLIP for images of 32 x 32 pixels."""
    vision = dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8)
    config = CLIPConfig(
        text_config=TEXT, vision_config=vision, projection_dim=12)
    return save(CLIPModel(config), folder)


def write_clipseg(folder: Path) -> Path:
    """A CLIPSeg with patches of 8 x 8 pixels."""
    vision = dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8)
    config = CLIPSegConfig(
        text_config=TEXT,
        vision_config=vision,
        projection_dim=12,
        extract_layers=[0, 1, 2],
        reduce_dim=8,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16)
    return save(CLIPSegForImageSegmentation(config), folder)


def write_groupvit(folder: Path) -> Path:
    """A GroupViT of two stages, for images of 32 x 32 pixels."""
    vision = dict(
        hidden_size=16,
        intermediate_size=24,
        depths=[1, 1, 1],
        num_hidden_layers=3,
        num_group_tokens=[6, 4, 0],
        num_output_groups=[6, 4, 0],
        num_attention_heads=2,
        image_size=32,
        patch_size=4)
    config = GroupViTConfig(
        text_config=dict(TEXT),
        vision_config=vision,
        projection_dim=12,
        projection_intermediate_dim=20)
    return save(GroupViTModel(config), folder, EOS)


def write_sam3(folder: Path) -> Path:
    """A SAM 3 for images of 112 x 112 pixels."""
    from transformers.models.sam3.configuration_sam3 import Sam3Config
    from transformers.models.sam3.modeling_sam3 import Sam3Model
    part = dict(
        hidden_size=32,
        num_layers=1,
        num_attention_heads=2,
        intermediate_size=32)
    config = Sam3Config(
        vision_config=dict(
            backbone_config=dict(
                model_type='sam3_vit_model',
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=112,
                patch_size=14,
                window_size=4,
                global_attn_indexes=[1],
                pretrain_image_size=56),
            fpn_hidden_size=32,
            backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]),
        text_config=dict(TEXT, projection_dim=16),
        geometry_encoder_config=part,
        detr_encoder_config=part,
        detr_decoder_config=dict(part, num_queries=5),
        mask_decoder_config=dict(hidden_size=32, num_attention_heads=2))
    return save(Sam3Model(config), folder)


WRITERS = dict(
    clip=write_clip,
    clipseg=write_clipseg,
    groupvit=write_groupvit,
    sam3=write_sam3)
