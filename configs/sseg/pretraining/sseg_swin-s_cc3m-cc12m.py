# S-Seg trained on CC3M and CC12M, 15M pairs.
_base_ = [
    '../../_base_/models/sseg_swin-s.py',
    '../../_base_/datasets/cc3m_cc12m.py', '../../_base_/schedules/sseg.py',
    '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

default_hooks = dict(broken_pairs=dict(type='BrokenPairsHook'))
