import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.structures import BaseDataElement, PixelData

from mmlangseg.sseg.visualization import (draw_labels, label_colors,
                                          paint_labels)
from mmlangseg.visualization import read_image, write_png

NAMES = ('background', 'cat', 'dog', 'grass')


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture
def labels():
    labels = np.zeros((40, 60), np.int64)
    labels[10:30, 10:30] = 1
    labels[10:30, 30:50] = 3
    labels[0] = 255
    return labels


def test_colors_stay_the_same_and_differ():
    colors = label_colors(2000)
    assert len(np.unique(colors, axis=0)) == 2000
    assert (label_colors(7) == colors[:7]).all()
    assert colors.max(1).min() > 100  # none is nearly black
    first = colors[:21].astype(int)
    distance = np.abs(first[:, None] - first).sum(-1)
    assert distance[~np.eye(21, dtype=bool)].min() > 50


def test_background_and_ignored_pixels_are_not_painted(image, labels):
    out = paint_labels(image, labels, NAMES).astype(int)
    expected = 0.4 * image + 0.6 * label_colors(4)[labels.clip(max=3)]
    inside = (slice(12, 28), slice(12, 28))
    np.testing.assert_allclose(out[inside], expected[inside], atol=0.51)
    for gray in (out[2:9, 2:9], out[0]):
        assert (gray == gray[..., :1]).all()
    # without a background label 0 is a class like others
    plain = paint_labels(image, labels, NAMES[1:]).astype(int)
    assert (plain[5, 2:9] != plain[5, 2:9, :1]).any()


def test_labels_above_255(image):
    names = [f'name {i}' for i in range(1203)]
    labels = np.full((40, 60), 1202)
    labels[:, 30:] = 300
    out = paint_labels(image, labels, names).astype(float)
    expected = 0.4 * image[5, 5] + 0.6 * label_colors(1203)[1202]
    np.testing.assert_allclose(out[5, 5], expected, atol=0.51)
    assert draw_labels(image, [('', labels)], names).shape[1] == 320


def has_color(picture, color):
    return (np.abs(picture.astype(int) - color).sum(-1) < 3).any()


def test_legend_names_what_is_there(image, labels):
    image = np.tile(image, (10, 10, 1))
    labels = labels.repeat(10, 0).repeat(10, 1)
    picture = draw_labels(image, [('image', None), ('predicted', labels)],
                          NAMES, 'title', 'note')
    assert picture.shape[1] == 2 * 600 + 8
    header = picture[:-400]
    assert len(header) > 30
    colors = label_colors(4)
    shown = [has_color(header, color) for color in colors]
    assert shown == [False, True, False, True]
    body = picture[-400:]
    np.testing.assert_array_equal(body[:, :600], image)
    np.testing.assert_array_equal(body[:, 608:],
                                  paint_labels(image, labels, NAMES))


def test_maps_of_another_size_are_stretched(image):
    small = np.array([[1, 2], [3, 0]])
    large = small.repeat(20, 0).repeat(30, 1)
    np.testing.assert_array_equal(
        paint_labels(image, small, NAMES), paint_labels(image, large, NAMES))
    np.testing.assert_array_equal(
        paint_labels(image,
                     large.repeat(3, 0).repeat(5, 1), NAMES),
        paint_labels(image, large, NAMES))


@pytest.mark.parametrize('size', [(1, 1), (1, 500), (500, 1), (3, 7)])
def test_tiny_images(size):
    image = np.full((*size, 3), 200, np.uint8)
    picture = draw_labels(image, [('image', None),
                                  ('predicted', np.ones(size, int))], NAMES,
                          'the name of an image', 'note')
    assert 640 <= picture.shape[1] < 1100 and len(picture) < 1100
    assert has_color(picture, label_colors(4)[1])


def test_many_classes_and_long_names(image):
    names = [f'{i} ' + 'very ' * 30 + 'long name' for i in range(100)]
    labels = np.arange(2400).reshape(40, 60) // 24
    picture = draw_labels(image, [('', labels)], names)
    assert picture.shape[1] == 320 and len(picture) < 1000


# --- the hook --------------------------------------------------------------


def sample(path):
    labels = torch.zeros(1, 40, 60, dtype=torch.int64)
    labels[:, 10:30, 10:30] = 2
    sample = BaseDataElement(metainfo=dict(img_path=str(path)))
    sample.gt_sem_seg = PixelData(data=labels)
    sample.pred_sem_seg = PixelData(data=labels.roll(9, 2))
    return sample


def runner(folder, data_prefix):
    dataset = SimpleNamespace(
        metainfo=dict(classes=NAMES), data_prefix=data_prefix)
    wrapped = SimpleNamespace(dataset=SimpleNamespace(dataset=dataset))
    shown = []
    return SimpleNamespace(
        work_dir=str(folder),
        timestamp='time',
        iter=7,
        val_dataloader=wrapped,
        test_dataloader=wrapped,
        shown=shown,
        visualizer=SimpleNamespace(add_image=lambda name, image, step: shown.
                                   append((name, image.shape[1], step))))


def test_hook_writes_one_picture_per_image(image, tmp_path):
    root = tmp_path / 'data'
    for name in ('a/1.png', 'b/1.png'):
        write_png(root / name, image)
    hook = HOOKS.build(
        dict(type='SemanticVisualizationHook', draw=True, test_out_dir='out'))
    outputs = [sample(root / 'a' / '1.png'), sample(root / 'b' / '1.png')]
    hook.after_test_iter(
        runner(tmp_path, dict(img_path=str(root))), 0, {}, outputs)
    names = sorted(os.listdir(tmp_path / 'time' / 'out'))
    assert [name[:4] for name in names] == ['a-1-', 'b-1-']
    picture = read_image(str(tmp_path / 'time' / 'out' / names[0]))
    assert picture.shape[1] == 3 * 320 + 2 * 8
    for dog in (picture[-100:, 328:648], picture[-100:, 656:]):
        assert dog.std((0, 1)).max() > 0
    # images elsewhere keep their own name
    hook.after_test_iter(
        runner(tmp_path, dict(img_path=str(tmp_path / 'other'))), 0, {},
        outputs[:1])
    assert '1.png' in os.listdir(tmp_path / 'time' / 'out')


def test_images_of_several_endings_keep_them(image, tmp_path):
    """Of 1.jpg and 1.png there was one picture, that of the later."""
    for name in ('1.jpg', '1.png'):
        write_png(tmp_path / name, image)
    hook = HOOKS.build(
        dict(type='SemanticVisualizationHook', draw=True, test_out_dir='out'))
    outputs = [sample(tmp_path / '1.jpg'), sample(tmp_path / '1.png')]
    fake = runner(tmp_path, dict(img_path=str(tmp_path)))
    dataset = fake.test_dataloader.dataset.dataset
    dataset.img_suffix = ''
    hook.after_test_iter(fake, 0, {}, outputs)
    out = tmp_path / 'time' / 'out'
    assert len(os.listdir(out)) == 2
    dataset.img_suffix = '_left.png'
    hook.after_test_iter(fake, 0, {}, outputs[1:])
    assert (out / '1.png').is_file()


def test_hook_in_validation(image, tmp_path):
    write_png(tmp_path / '1.png', image)
    hook = HOOKS.build(
        dict(
            type='SemanticVisualizationHook',
            draw=True,
            interval=2,
            draw_gt=False))
    fake = runner(tmp_path, {})
    for batch_idx in range(3):
        hook.after_val_iter(fake, batch_idx, {}, [sample(tmp_path / '1.png')])
    name, width, step = fake.shown[0]
    assert len(fake.shown) == 2 and (width, step) == (2 * 320 + 8, 7)
    assert name.startswith('val_') and '1' in name
