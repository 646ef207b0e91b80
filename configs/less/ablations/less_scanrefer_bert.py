# LESS with BERT as text encoder (Table 1).
_base_ = '../../less_scanrefer.py'
model = dict(text_encoder=dict(pretrained='bert-base-uncased'))
