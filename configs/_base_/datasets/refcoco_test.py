# RefCOCO in REFER's layout for models that are not trained here, see
# refcoco.py. An entry config adds the pipeline.
meta_keys = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
             'object_ids', 'ori_shape', 'img_shape', 'flip', 'flip_direction')
load_image = dict(type='LoadImage')
load_mask = dict(type='LoadReferringMask')
pack = dict(type='PackSegInputs', meta_keys=meta_keys)

test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RefCOCODataset',
        data_root='data/refer/',
        ann_folder='refcoco',
        split_by='unc',
        split='val',
        test_mode=True))
test_evaluator = dict(
    type='ReferringSegMetric',
    thresholds=(0.5, 0.6, 0.7, 0.8, 0.9),
    inclusive=True,
    accuracy_name='P')
test_cfg = dict(type='TestLoop')
