# S-Seg trained on CC12M, 12M pairs: in the paper 44.9 / 22.9 / 22.5 mIoU on
# VOC, Context and COCO.
_base_ = [
    './_base_/models/sseg_swin-s.py', './_base_/datasets/cc12m.py',
    './_base_/schedules/sseg.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

default_hooks = dict(broken_pairs=dict(type='BrokenPairsHook'))
