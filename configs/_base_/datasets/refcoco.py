# RefCOCO in REFER's layout, fully labelled. For RefCOCO+ and RefCOCOg change
# `ann_folder` and `split_by` of the data sets; images and sentences lie in
#   data/refer/{refcoco,refcoco+,refcocog}/{instances.json,refs(unc|umd).p}
#   data/refer/images/mscoco/images/train2014/*.jpg
data_root = 'data/refer/'
ann_folder = 'refcoco'
split_by = 'unc'
image_size = (480, 480)
meta_keys = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
             'object_ids', 'ori_shape', 'img_shape', 'flip', 'flip_direction')

# Pillow's interpolation is that of the released code. COCO's images carry no
# orientation; own photographs in this layout are turned as EXIF says.
load_image = dict(type='LoadImage')
load_mask = dict(type='LoadReferringMask')
resize = dict(
    type='Resize', scale=image_size, keep_ratio=False, backend='pillow')
pack = dict(type='PackSegInputs', meta_keys=meta_keys)
train_pipeline = [load_image, load_mask, resize, pack]
# The mask is loaded before the resize: evaluated at 480 x 480, as in the
# papers. For the original size load it behind, and set the model's
# eval_size='original'.
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='RefCOCODataset',
        data_root=data_root,
        ann_folder=ann_folder,
        split_by=split_by,
        split='train',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RefCOCODataset',
        data_root=data_root,
        ann_folder=ann_folder,
        split_by=split_by,
        split='val',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader  # other splits: test_dataloader.dataset.split

val_evaluator = dict(
    type='ReferringSegMetric',
    thresholds=(0.5, 0.6, 0.7, 0.8, 0.9),
    inclusive=True,
    accuracy_name='P')
test_evaluator = val_evaluator
