# LVIS v1 val, 19,809 images, 1,203 classes. Pixels without instance are not
# evaluated: a choice, the paper's protocol is not known.
# tools/dataset_converters/lvis.py makes the label maps.
_base_ = './sseg_wide_labels.py'

test_dataloader = dict(
    dataset=dict(
        type='LVISDataset',
        data_root='data/lvis_v1/',
        ann_file='lvis_v1_val.txt'))
