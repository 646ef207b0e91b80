# SAM 3 of transformers (5 or newer): one prompt per class name, or per
# sentence, at 1008 x 1008 pixels. `pretrained` is a name on the hub, where its
# license has to be accepted, or a folder.
model = dict(
    pretrained='facebook/sam3',
    network=dict(type='SAM3Network'),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True))

square = dict(
    type='Resize', scale=(1008, 1008), keep_ratio=False, backend='pillow')
