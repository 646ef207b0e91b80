# CLIPSeg of transformers: one prompt per class name, or per sentence, at 352 x
# 352 pixels. `pretrained` is a name on the hub or a folder.
model = dict(
    pretrained='CIDAS/clipseg-rd64-refined',
    network=dict(type='CLIPSegNetwork'),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True))

square = dict(
    type='Resize', scale=(352, 352), keep_ratio=False, backend='pillow')
