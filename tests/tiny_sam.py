"""SAM with random weights, small enough for a test."""
from __future__ import annotations

import mmlangseg  # noqa: F401  isort:skip  before mmcv.ops, for mmcv-lite
import sys
import types
from functools import partial

import numpy as np
import torch
from mmcv.ops import nms
from PIL import Image
from torch import nn


def stand_in_torchvision(monkeypatch) -> None:
    """Give segment_anything its four functions where torchvision is absent.

    Whatever imported them is forgotten with them.
    """
    try:
        import torchvision  # noqa: F401
        return
    except (ImportError, RuntimeError):  # built for another torch
        pass

    def batched_nms(boxes, scores, idxs, iou_threshold):
        assert (idxs == idxs[:1]).all()
        return nms(boxes.float(), scores.float(), iou_threshold)[1]

    def box_area(boxes):
        return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    def resize(image, size):
        return image.resize(tuple(size)[::-1], Image.BILINEAR)

    modules = {
        'torchvision': {},
        'torchvision.ops': {},
        'torchvision.ops.boxes': dict(
            batched_nms=batched_nms, box_area=box_area),
        'torchvision.transforms': {},
        'torchvision.transforms.functional': dict(
            resize=resize, to_pil_image=Image.fromarray),
    }  # yapf: disable
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in [n for n in sys.modules if n.startswith('segment_anything')]:
        monkeypatch.delitem(sys.modules, name)


def build_tiny_sam(checkpoint=None,
                   layers: int = 1,
                   iou_layers: int = 2) -> nn.Module:
    """In place of ``segment_anything.build_sam_vit_b``."""
    from segment_anything.modeling import (ImageEncoderViT, MaskDecoder,
                                           PromptEncoder, Sam,
                                           TwoWayTransformer)
    assert checkpoint is None
    dim, side = 16, 64
    return Sam(
        image_encoder=ImageEncoderViT(
            depth=2,
            embed_dim=dim,
            img_size=side,
            num_heads=2,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            patch_size=16,
            use_rel_pos=True,
            global_attn_indexes=[1],
            window_size=2,
            out_chans=dim),
        prompt_encoder=PromptEncoder(
            embed_dim=dim,
            image_embedding_size=(side // 16, side // 16),
            input_image_size=(side, side),
            mask_in_chans=4),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=layers, embedding_dim=dim, mlp_dim=32, num_heads=2),
            transformer_dim=dim,
            iou_head_depth=iou_layers,
            iou_head_hidden_dim=dim)).eval()


def export_onnx_sam(sam: nn.Module, folder, single_mask: bool = False) -> None:
    """Write encoder.onnx and decoder.onnx as the package exports them."""
    from segment_anything.utils.onnx import SamOnnxModel
    encoder, prompts = sam.image_encoder, sam.prompt_encoder
    side, size = encoder.img_size, prompts.image_embedding_size
    masks = [4 * edge for edge in size]
    torch.onnx.export(
        encoder, (torch.randn(1, 3, side, side), ),
        str(folder / 'encoder.onnx'),
        input_names=['images'],
        output_names=['embeddings'],
        opset_version=17,
        dynamo=False)
    torch.onnx.export(
        SamOnnxModel(sam, return_single_mask=single_mask),
        (torch.randn(1, prompts.embed_dim, *size), torch.rand(1, 5, 2) * side,
         torch.randint(0, 4, (1, 5)).float(), torch.randn(
             1, 1, *masks), torch.ones(1), torch.tensor([48., 64.])),
        str(folder / 'decoder.onnx'),
        input_names=[
            'image_embeddings', 'point_coords', 'point_labels', 'mask_input',
            'has_mask_input', 'orig_im_size'
        ],
        output_names=['masks', 'iou_predictions', 'low_res_masks'],
        dynamic_axes=dict(
            point_coords={1: 'points'}, point_labels={1: 'points'}),
        opset_version=17,
        dynamo=False)


def save_huggingface_sam(folder) -> None:
    """The same idea as a model of transformers."""
    from transformers import SamConfig, SamModel
    from transformers.models.sam.image_processing_pil_sam import \
        SamImageProcessorPil
    torch.manual_seed(0)
    SamModel(
        SamConfig(
            vision_config=dict(
                hidden_size=16,
                output_channels=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=64,
                patch_size=16,
                window_size=2,
                global_attn_indexes=[1],
                mlp_dim=32,
                num_pos_feats=8),
            prompt_encoder_config=dict(
                hidden_size=16,
                image_size=64,
                patch_size=16,
                mask_input_channels=4),
            mask_decoder_config=dict(
                hidden_size=16,
                mlp_dim=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                iou_head_depth=2,
                iou_head_hidden_dim=16))).save_pretrained(folder)
    SamImageProcessorPil(
        size=dict(longest_edge=64),
        mask_size=dict(longest_edge=16),
        pad_size=dict(height=64, width=64),
        mask_pad_size=dict(height=16, width=16)).save_pretrained(folder)


def squashing_processor():
    """Prepares images as SAM 2, SAM 3 and EdgeTAM do, without torchvision."""
    from transformers.image_processing_utils import BatchFeature
    from transformers.models.sam.image_processing_pil_sam import \
        SamImageProcessorPil

    class Squashing(SamImageProcessorPil):

        def __call__(self, images, **kwargs):
            pixels = [
                nn.functional.interpolate(
                    torch.tensor(np.array(image))[None].float(), (64, 64))
                for image in images
            ]
            return BatchFeature(
                dict(
                    pixel_values=torch.cat(pixels) / 255,
                    original_sizes=torch.tensor(
                        [image.shape[-2:] for image in images])))

        def post_process_masks(self, masks, original_sizes, **kwargs):
            return [
                nn.functional.interpolate(mask, size)
                for mask, size in zip(masks, original_sizes)
            ]

    processor = Squashing()
    processor.size = dict(height=64, width=64)
    return processor


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Two discs on a noisy ground, uint8 RGB (H, W, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = rng.normal(90, 4, (height, width, 3))
    for y, x, red in ((16, 16, 240), (30, 46, 20)):
        disc = np.hypot(rows - y, columns - x) < 10
        image[disc] = (red, 120, 200 - red // 2)
    return image.clip(0, 255).astype(np.uint8)
