#!/usr/bin/env bash
# transformers 5.23.0 with torch 2.13.0: SAM 3 with text features made before.
#
# Expected: Sam3Model takes text_embeds, documented as a tensor and passed as
#   one in its own example, so that one sentence serves many images.
# Seen: a tensor is refused by an AttributeError, since the method reads its
#   pooler_output. The whole output of get_text_features works.
# Exit status: 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    torch==2.13.0 transformers==5.23.0 numpy==1.26.4
cat > "$folder/ask.py" <<'PYTHON'
import sys
import torch
from transformers.models.sam3.configuration_sam3 import Sam3Config
from transformers.models.sam3.modeling_sam3 import Sam3Model
part = dict(hidden_size=32, num_layers=1, num_attention_heads=2,
            intermediate_size=32)
vit = dict(model_type='sam3_vit_model', hidden_size=32, intermediate_size=64,
           num_hidden_layers=2, num_attention_heads=2, image_size=112,
           patch_size=14, window_size=4, global_attn_indexes=[1],
           pretrain_image_size=56)
model = Sam3Model(Sam3Config(
    vision_config=dict(backbone_config=vit, fpn_hidden_size=32,
                       backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]),
    text_config=dict(vocab_size=20, hidden_size=32, intermediate_size=32,
                     num_hidden_layers=1, num_attention_heads=2,
                     max_position_embeddings=16, projection_dim=16,
                     bos_token_id=0, eos_token_id=1, pad_token_id=1),
    geometry_encoder_config=part, detr_encoder_config=part,
    detr_decoder_config=dict(part, num_queries=5),
    mask_decoder_config=dict(hidden_size=32, num_attention_heads=2))).eval()
images = torch.zeros(1, 3, 112, 112)
words = torch.tensor([[0, 5, 6, 1]])
seen = torch.ones_like(words)
with torch.no_grad():
    text = model.get_text_features(input_ids=words, attention_mask=seen)
    whole = model(pixel_values=images, text_embeds=text, attention_mask=seen)
    print('whole output: masks', tuple(whole.pred_masks.shape))
    try:
        model(pixel_values=images, text_embeds=text.pooler_output,
              attention_mask=seen)
    except AttributeError as error:
        print('tensor:', error)
        sys.exit(0)
print('tensor: taken')
sys.exit(1)
PYTHON
"$folder/env/bin/python" -W ignore "$folder/ask.py"
