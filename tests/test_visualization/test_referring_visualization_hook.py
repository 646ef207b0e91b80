import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from mmengine.visualization import Visualizer

from mmlangseg.less.visualization import expression_name
from mmlangseg.visualization import (ReferringVisualizationHook, draw_overlay,
                                     read_image, write_png)
from mmlangseg.visualization.expressions import safe_name
from mmlangseg.visualization.header import add_header


def scan_batch(n_points=40):
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(n_points, 6, generator=generator)
    masks = torch.rand(3, n_points, generator=generator) < 0.3
    expressions = [  # ann_id restarts per object; one without an object
        dict(text='the left one', object_ids=[2], ann_id='0'),
        dict(text='the right one', object_ids=[3], ann_id='0'),
        dict(text='a third one', object_ids=[], ann_id='0'),
    ]
    sample = BaseDataElement(
        metainfo=dict(scene_id='scene0001_00', expressions=expressions))
    sample.gt_instances_3d = InstanceData(masks=masks)
    sample.pred_instances_3d = InstanceData(
        masks=~masks, scores=torch.tensor([0.5, 0.6, 0.7]))
    return dict(inputs=dict(points=[points]), data_samples=[sample])


def image_batch(folder):
    image = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    path = str(folder / 'COCO_000000000139.png')
    write_png(path, image)
    mask = torch.zeros(1, 60, 90, dtype=torch.long)
    mask[:, 10:30, 20:50] = 1
    samples = []
    for sent_id in range(2):
        sample = BaseDataElement(
            metainfo=dict(
                img_path=path, text='left man', ref_id=7, sent_id=sent_id))
        sample.gt_sem_seg = PixelData(data=mask)
        sample.pred_sem_seg = PixelData(data=mask.roll(5, 2))
        samples.append(sample)
    return dict(inputs=[torch.zeros(3, 48, 48)] * 2, data_samples=samples)


def make_runner(folder, **backends):
    dataset = SimpleNamespace(
        dataset=SimpleNamespace(pipeline=SimpleNamespace(transforms=[])))
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(
        work_dir=str(folder),
        timestamp='time',
        iter=120,
        val_dataloader=loader,
        test_dataloader=loader,
        visualizer=SimpleNamespace(
            images=[],
            add_image=lambda name, image, step: images.append(
                (name, image.shape, step))))


images = []


@pytest.fixture(autouse=True)
def no_images():
    images.clear()


def build(**kwargs):
    return HOOKS.build(dict(type='ReferringVisualizationHook', **kwargs))


def test_one_picture_per_expression(tmp_path):
    hook = build(draw=True, test_out_dir='vis')
    runner = make_runner(tmp_path)
    batch = scan_batch()
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, batch, batch['data_samples'])
    folder = tmp_path / 'time' / 'vis'
    assert sorted(os.listdir(folder)) == [
        'scene0001_00_2_0.png', 'scene0001_00_3_0.png',
        'scene0001_00_none_0.png'
    ]
    picture = read_image(str(folder / 'scene0001_00_2_0.png'))
    assert picture.shape[1] > 1500 and np.ptp(picture) == 255
    assert not images


def test_pictures_of_sentences_of_one_image(tmp_path):
    hook = build(draw=True, test_out_dir=str(tmp_path / 'absolute'))
    batch = image_batch(tmp_path)
    hook.after_test_iter(
        make_runner(tmp_path), 0, batch, batch['data_samples'])
    assert sorted(os.listdir(tmp_path / 'absolute')) == [
        'COCO_000000000139_7_0.png', 'COCO_000000000139_7_1.png'
    ]


def test_validation_goes_to_the_backends_at_the_interval(tmp_path):
    hook = build(draw=True, interval=2)
    runner = make_runner(tmp_path)
    batch = scan_batch()
    for batch_idx in range(3):
        hook.after_val_iter(runner, batch_idx, batch, batch['data_samples'])
    names = [(name, step) for name, _, step in images]
    assert names == [('val_scene0001_00_2_0', 120)] * 2
    hook.after_test_iter(runner, 0, batch, batch['data_samples'])
    assert images[-1][0] == 'test_scene0001_00_2_0'


def test_teacher_and_student_have_their_own(tmp_path):
    """As mmdet's TeacherStudentValLoop validates them."""
    runner, batch = make_runner(tmp_path), scan_batch()
    runner.model = SimpleNamespace(semi_test_cfg={})
    images.clear()
    for network in ('teacher', 'student'):
        runner.model.semi_test_cfg['predict_on'] = network
        build(draw=True).after_val_iter(runner, 0, batch,
                                        batch['data_samples'])
    assert [name for name, *_ in images] == [
        'val_teacher_scene0001_00_2_0', 'val_student_scene0001_00_2_0'
    ]


def test_local_and_tensorboard_backends(tmp_path):
    visualizer = Visualizer.get_instance(
        'hook_test',
        vis_backends=[
            dict(type='LocalVisBackend'),
            dict(type='TensorboardVisBackend')
        ],
        save_dir=str(tmp_path))
    runner = make_runner(tmp_path)
    runner.visualizer = visualizer
    batch = scan_batch()
    build(draw=True).after_val_iter(runner, 0, batch, batch['data_samples'])
    visualizer.close()
    found = [name for _, _, names in os.walk(tmp_path) for name in names]
    assert 'val_scene0001_00_2_0_120.png' in found
    assert any('tfevents' in name for name in found)


def test_off_by_default_and_no_display(tmp_path):
    batch = scan_batch()
    runner = make_runner(tmp_path)
    hook = ReferringVisualizationHook()
    hook.after_val_iter(runner, 0, batch, batch['data_samples'])
    hook.after_test_iter(runner, 0, batch, batch['data_samples'])
    assert not images and not os.listdir(tmp_path)
    with pytest.raises(RuntimeError, match='--show-dir'):
        build(draw=True, show=True).before_test(runner)


def test_names_never_collide():
    first = dict(object_ids=[1, 2], ann_id='0')
    assert expression_name('a_b', first) == 'a_b_1-2_0'
    names = [
        safe_name(name) for name in
        ['a/b', 'a b', 'a-b', '../a', '', '..', 'x' * 300, 'x' * 301]
    ]
    assert len(set(names)) == len(names)
    assert all('/' not in name and len(name) < 140 for name in names)
    assert not any(name.startswith('.') for name in names)


def test_overlay():
    image = np.full((40, 60, 3), 128, np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:30] = True
    out = draw_overlay(image, 'the square', pred=mask)
    assert out.shape[1] == 300  # enlarged five times
    body = out[-200:].astype(int)
    assert body[100, 100, 0] > body[100, 100, 2] + 60
    assert body[175, 250].tolist() == [160, 160, 160]
    lined = draw_overlay(image, 'the square', pred=~mask, gt=mask)[-200:]
    assert lined[50, 75].tolist() == [0, 110, 255]
    wide = draw_overlay(np.full((40, 400, 3), 128, np.uint8), 'the square')
    assert wide.shape[1] == 400 and (wide[-40:] == 128).all()
    with pytest.raises(ValueError, match='gt has the shape'):
        draw_overlay(image, 'x', gt=mask.T)


def test_legend_of_a_narrow_image_wraps():
    note = 'a long note that takes most of a line'
    legend = [('predicted', (255, 0, 0)), ('ground truth', (0, 0, 255))]
    heights = []
    for width in (600, 200):
        image = np.zeros((10, width, 3), np.uint8)
        picture = add_header(image, 'title', note, legend).astype(int)
        assert (picture[..., 0] - picture[..., 2] > 200).any()
        assert (picture[..., 2] - picture[..., 0] > 200).any()
        heights.append(len(picture))
    assert heights[1] > heights[0]


def test_read_image_errors(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match='a.jpg is not an image'):
        read_image(str(path))
