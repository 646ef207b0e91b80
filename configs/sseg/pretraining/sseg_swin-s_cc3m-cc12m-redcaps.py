# S-Seg trained on CC3M, CC12M and RedCaps, 26M pairs: the paper's main model,
# 53.2 / 27.9 / 30.3 mIoU on VOC, Context and COCO.
_base_ = [
    '../../_base_/models/sseg_swin-s.py',
    '../../_base_/datasets/cc3m_cc12m_redcaps.py',
    '../../_base_/schedules/sseg.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

default_hooks = dict(broken_pairs=dict(type='BrokenPairsHook'))
