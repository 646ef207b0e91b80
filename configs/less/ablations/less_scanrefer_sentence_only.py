# LESS with the sentence alone: QSA, and a U-Net that sees no words (Table 4).
_base_ = '../../less_scanrefer.py'
model = dict(backbone=dict(fusion=None))
