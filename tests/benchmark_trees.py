"""Two images of every benchmark of S-Seg, each in its own layout."""
from __future__ import annotations
from pathlib import Path

import numpy as np
from PIL import Image

from mmlangseg.sseg.vocabulary import ClassNames, write_class_names

HEIGHT, WIDTH = 30, 40
NAMES = ('a', 'b')
# Benchmark to the root of its data, the folders of images and label maps,
# what their names end in, and the list of images.
_VOC = ('VOCdevkit/VOC2012', 'JPEGImages', 'SegmentationClass', '.jpg', '.png',
        'ImageSets/Segmentation/val.txt')
_CONTEXT = ('VOCdevkit/VOC2010', 'JPEGImages', 'SegmentationClassContext',
            '.jpg', '.png', 'ImageSets/SegmentationContext/val.txt')
_COCO = ('coco_stuff164k', 'images/val2017', 'annotations/val2017', '.jpg')
LAYOUTS = dict(
    voc21=_VOC,
    voc20=_VOC,
    context60=_CONTEXT,
    context59=_CONTEXT,
    coco_object=(*_COCO, '_instanceTrainIds.png', None),
    coco_object80=(*_COCO, '_instanceTrainIds.png', None),
    coco_stuff=(*_COCO, '_labelTrainIds.png', None),
    cityscapes=('cityscapes', 'leftImg8bit/val/town', 'gtFine/val/town',
                '_leftImg8bit.png', '_gtFine_labelTrainIds.png', None),
    ade20k=('ade/ADEChallengeData2016', 'images/validation',
            'annotations/validation', '.jpg', '.png', None),
    ade847=('ADE20K_2021_17_01', 'images_detectron2/validation',
            'annotations_detectron2/validation', '.jpg', '.tif', None),
    pc459=('VOCdevkit/VOC2010', 'JPEGImages',
           'annotations_detectron2/pc459_val', '.jpg', '.tif',
           'ImageSets/SegmentationContext/val.txt'))
NUM_CLASSES = dict(
    voc21=21,
    voc20=20,
    context60=60,
    context59=59,
    coco_object=81,
    coco_object80=80,
    coco_stuff=171,
    cityscapes=19,
    ade20k=150,
    ade847=847,
    pc459=459)
# What label 0 of the files is: ignored, or a class.
WITHOUT_ZERO = ('voc20', 'context59', 'coco_object80', 'ade20k')
CLASS_FILES = dict(ade847='classes.txt', pc459='pc459_classes.txt')


def save(path: Path, array: np.ndarray) -> None:
    """Write an image, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_tree(root: Path, benchmark: str) -> Path:
    """Write the tree of one benchmark; returns the root of its data.

    Label maps have stripes of the ids 0, 1, the highest one and the ignored
    one; that of the second image is upside down.
    """
    folder, images, maps, suffix, map_suffix, listed = LAYOUTS[benchmark]
    folder = root / folder
    rng = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        save(folder / images / f'{name}{suffix}', pixels)
        ids = ids_of(benchmark)
        save(folder / maps / f'{name}{map_suffix}', ids[::-1] if i else ids)
    if listed:
        (folder / listed).parent.mkdir(parents=True, exist_ok=True)
        (folder / listed).write_text('\n'.join(NAMES) + '\n')
    if benchmark in CLASS_FILES:
        names = tuple(
            (f'thing {i}', f'kind {i}') for i in range(NUM_CLASSES[benchmark]))
        write_class_names(folder / CLASS_FILES[benchmark],
                          ClassNames(names, False))
    return folder


def ids_of(benchmark: str) -> np.ndarray:
    """The ids in the first label map, (H, W)."""
    wide = benchmark in CLASS_FILES
    highest = NUM_CLASSES[benchmark] - 1 + (benchmark in WITHOUT_ZERO)
    ids = np.zeros((HEIGHT, WIDTH), np.uint16 if wide else np.uint8)
    ids[8:16] = 1
    ids[16:24] = highest
    ids[24:] = 65535 if wide else 255
    return ids
