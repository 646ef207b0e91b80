# LESS on ScanRefer with the paper's hyper-parameters and corrected defects.
_base_ = [
    './_base_/models/less.py', './_base_/datasets/scanrefer.py',
    './_base_/schedules/less.py', './_base_/runtime.py'
]
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(save_best='mIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
