"""Masks keep their pixels, whichever path brings them to another size."""
from __future__ import annotations
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

import mmlangseg.semires  # noqa: F401  (both register their transforms)
import mmlangseg.sseg  # noqa: F401
from mmlangseg.io.nearest import nearest_index, resize_nearest
from mmlangseg.semires.candidates import Candidates
from mmlangseg.sseg.transforms import RandomResizedCrop

DATASETS = Path(__file__).resolve().parents[2] / 'configs/_base_/datasets'
# of COCO's images
SHAPES = [(480, 640), (427, 640), (640, 480), (333, 500), (612, 612), (51, 73)]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def pillow(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(labels.astype(np.uint8))
    return np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))


def small_objects(shape: tuple[int, int]) -> list[np.ndarray]:
    """Masks, of a pixel to some thousand, in which every pixel counts."""
    rng = np.random.default_rng(sum(shape))
    masks = []
    for side in (3, 9, 30):
        mask = np.zeros(shape, bool)
        y, x = rng.integers(0, np.array(shape) - side)
        mask[y:y + side, x:x + side] = rng.random((side, side)) < 0.5
        mask[y:y + 3, x:x + 3] = True
        masks.append(mask)
    return masks


@pytest.mark.parametrize('source', [1, 7, 333, 427, 480, 500, 612, 640])
@pytest.mark.parametrize('target', [1, 5, 28, 480, 900])
def test_index_is_that_of_pillow(source, target):
    """In both directions, also where centers lie on borders of pixels."""
    index = nearest_index(target, source)
    ramp = Image.fromarray(np.arange(source, dtype=np.int32)[:, None])
    column = np.asarray(ramp.resize((1, target), Image.Resampling.NEAREST))
    assert index.tolist() == column[:, 0].tolist()
    center = (np.arange(target) + 0.5) * source / target
    assert (index <= center + 1e-9).all() and (index
                                               >= center - 1 - 1e-9).all()


@pytest.mark.parametrize('dtype', [bool, np.uint8, np.uint16, np.int64])
def test_labels_of_any_type(dtype):
    labels = np.random.default_rng(0).integers(0, 2, (7, 11)).astype(dtype)
    resized = resize_nearest(labels, (16, 5))
    assert resized.dtype == dtype
    assert np.array_equal(resized, pillow(labels, (16, 5)))
    assert resize_nearest(labels, (7, 11)) is labels


@pytest.mark.parametrize('shape', SHAPES)
def test_candidates_keep_up_with_true_masks(shape):
    """SAM's perfect candidate of an object has IoU 1 with its true mask."""
    masks = small_objects(shape)
    candidates = Candidates.from_masks(masks)
    for name in ('refcoco.py', 'own_images.py', 'semires_toy.py'):
        config = Config.fromfile(DATASETS / name)
        size = tuple(config.image_size)
        resize, = (
            TRANSFORMS.build(step) for step in config.test_pipeline
            if step['type'] == 'Resize')
        resized = candidates.resized(size)
        for i, mask in enumerate(masks):
            results = resize(
                dict(
                    img=np.zeros((*shape, 3), np.uint8),
                    gt_seg_map=mask.astype(np.uint8),
                    seg_fields=['gt_seg_map']))
            truth = results['gt_seg_map'] == 1
            assert np.array_equal(resized.mask(i), truth), name
            assert truth.any() or size[0] < 480


def test_released_candidates_do_not():
    """The released rule, which the fixtures of its code hold, is another."""
    mask = np.zeros((427, 640), bool)
    mask[100:106, 200:206] = True
    candidates = Candidates.from_masks([mask])
    by_corner = candidates.resized((480, 480), 'corner').mask(0)
    truth = pillow(mask, (480, 480)) == 1
    assert (by_corner & truth).sum() < (by_corner | truth).sum()


@pytest.mark.parametrize('shape', SHAPES)
def test_label_maps_of_all_paths(shape):
    """Crops, pseudo-masks and self-training resize as Pillow does."""
    labels = np.random.default_rng(0).integers(0, 20, shape).astype(np.uint8)
    image = np.zeros((*shape, 3), np.uint8)
    sample = dict(img=image, gt_seg_map=labels, seg_fields=['gt_seg_map'])
    crop = RandomResizedCrop((224, 200),
                             scale=(1, 1),
                             ratio=(shape[1] / shape[0], ) * 2)
    results = crop(dict(sample))
    assert results['crop_box'] == (0, 0, *shape)
    assert np.array_equal(results['gt_seg_map'], pillow(labels, (224, 200)))
    step, = (
        step
        for step in Config.fromfile(DATASETS / 'sseg_plus.py').train_pipeline
        if step['type'] == 'RandomResize')
    results = TRANSFORMS.build(dict(step, scale=(512, 128)))(dict(sample))
    size = results['gt_seg_map'].shape
    assert size == results['img_shape'] != shape
    assert np.array_equal(results['gt_seg_map'], pillow(labels, size))
