# LAVT on RefCOCO, fully supervised: the upper bound of SemiRES.
_base_ = [
    './_base_/models/lavt.py', './_base_/datasets/refcoco.py',
    './_base_/schedules/lavt.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

default_hooks = dict(checkpoint=dict(save_best='oIoU', rule='greater'))
