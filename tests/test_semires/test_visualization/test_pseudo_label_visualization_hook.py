from __future__ import annotations
from types import SimpleNamespace

import cv2
import lavt_model
import numpy as np
import pytest
import torch
from mmengine.registry import HOOKS, init_default_scope
from mmengine.visualization import Visualizer
from torch import nn

from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.refiners import CPI, IOM, KeepPseudoLabel, Refinement
from mmlangseg.semires.visualization import describe_matches, draw_pseudo_label


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmseg')


def square(top, left, side=20, size=(64, 64)):
    mask = np.zeros(size, bool)
    mask[top:top + side, left:left + side] = True
    return mask


def build_model(tmp_path, **changes):
    segmentor = lavt_model.model_config(tmp_path)
    segmentor['backbone']['drop_path_rate'] = 0.5  # training draws numbers
    return lavt_model.build(
        dict(
            type='SemiRES',
            segmentor=segmentor,
            data_preprocessor=dict(
                type='mmdet.MultiBranchDataPreprocessor',
                data_preprocessor=segmentor['data_preprocessor']),
            **changes))


def train_batch(candidates=None):
    """A labelled and two unlabelled samples, collated."""
    data = lavt_model.batch()
    for sample in data['data_samples']:
        sample.set_metainfo(dict(candidates=candidates))
    return {
        key:
        dict(
            sup=[values[0], None, None],
            unsup_teacher=[None, *values[1:]],
            unsup_student=[None, *values[1:]])
        for key, values in data.items()
    }


def make_runner(model, images=None, iteration=0):
    images = [] if images is None else images

    def add_image(name, image, step):
        images.append((name, image, step))

    return SimpleNamespace(
        model=model,
        iter=iteration,
        visualizer=SimpleNamespace(add_image=add_image))


def build_hook(interval=1):
    return HOOKS.build(
        dict(type='PseudoLabelVisualizationHook', interval=interval))


def train(model, hook=None, iterations=3) -> tuple[list[float], list]:
    """Plain training; gives the losses and the pictures."""
    candidates = Candidates.from_masks([square(8, 8), square(30, 30)])
    optimizer = torch.optim.SGD(model.student.parameters(), 0.1)
    torch.manual_seed(3)
    model.train()
    losses, images = [], []
    runner = make_runner(model, images)
    for runner.iter in range(iterations):
        batch = train_batch(candidates)
        out = model(**model.data_preprocessor(batch, True), mode='loss')
        loss = out['sup_loss'] + out['unsup_loss']
        optimizer.zero_grad()
        loss.backward()
        if hook is not None:
            hook.after_train_iter(runner, runner.iter, batch, out)
        optimizer.step()
        losses.append(loss.item())
    return losses, images


def test_training_is_not_disturbed(tmp_path):
    alone, _ = train(build_model(tmp_path))
    model = build_model(tmp_path)
    watched, images = train(model, build_hook())
    assert watched == alone
    assert [(name, step) for name, _, step in images] == [('pseudo_label', 1),
                                                          ('pseudo_label', 2),
                                                          ('pseudo_label', 3)]
    assert model.student.training and not model.teacher.training
    assert all(p.grad is None for p in model.teacher.parameters())


def test_interval():
    model = nn.Module()
    hook, drawn = build_hook(interval=3), []
    hook._draw = lambda runner, batch: drawn.append(runner.iter)
    for iteration in range(7):
        hook.after_train_iter(make_runner(model, iteration=iteration), 0, {})
    assert drawn == [2, 5]


def test_the_picture_is_of_the_first_unlabelled_sample(tmp_path):
    """With or without the placeholders of the other branches."""
    model, images = build_model(tmp_path).train(), []
    batch = train_batch()
    build_hook().after_train_iter(make_runner(model, images), 0, batch)
    model.data_preprocessor(batch, True)  # takes the placeholders out
    build_hook().after_train_iter(make_runner(model, images), 0, batch)
    (_, first, _), (_, second, _) = images
    assert (first == second).all()
    view = batch['inputs']['unsup_teacher'][0].numpy()[::-1]  # to RGB
    assert (first[-320:, :320] == view.transpose(1, 2,
                                                 0).repeat(5,
                                                           0).repeat(5,
                                                                     1)).all()


def test_a_view_beyond_0_to_255(tmp_path):
    """As RandomColorJitter(strong_from='normalised') leaves it."""
    images, batch = [], train_batch()
    view = batch['inputs']['unsup_teacher'][1].float()
    view[:, :32], view[:, 32:] = -20., 300.
    batch['inputs']['unsup_teacher'][1] = view
    runner = make_runner(build_model(tmp_path).train(), images)
    build_hook().after_train_iter(runner, 0, batch)
    panel = images[0][1][-320:, :320]
    assert (panel[:160] == 0).all() and (panel[160:] == 255).all()


def test_only_labelled_samples(tmp_path):
    images = []
    runner = make_runner(build_model(tmp_path), images)
    batch = {
        key: dict(sup=values, unsup_teacher=[None] * 3)
        for key, values in lavt_model.batch().items()
    }
    build_hook().after_train_iter(runner, 0, batch)
    batch['inputs'].pop('unsup_teacher')
    build_hook().after_train_iter(runner, 0, batch)
    assert images == []


def test_file_of_the_local_backend(tmp_path):
    runner = make_runner(build_model(tmp_path), iteration=4)
    runner.visualizer = Visualizer.get_instance(
        'pseudo_label_test',
        vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path))
    build_hook(interval=5).after_train_iter(runner, 4, train_batch())
    path, = tmp_path.rglob('pseudo_label_5.png')
    assert cv2.imread(str(path)).shape[1] == 4 * 320


def test_another_model_is_an_error(tmp_path):
    hook = build_hook()
    hook.before_train(make_runner(build_model(tmp_path)))
    plain = lavt_model.build(lavt_model.model_config(tmp_path))
    with pytest.raises(TypeError, match='needs the model SemiRES.*LAVT'):
        hook.before_train(make_runner(plain))
    with pytest.raises(ValueError, match='interval=0'):
        build_hook(interval=0)


def test_panels():
    pseudo, truth = square(10, 10), square(10, 14)
    masks = [square(40, 40), square(10, 13), square(12, 12, 8)]
    candidates = Candidates.from_masks(masks)
    image = np.full((64, 64, 3), 128, np.uint8)
    refinement = CPI()(pseudo, candidates)
    assert refinement.chosen == [1, 2]
    picture = draw_pseudo_label(image, 'the square', pseudo, refinement,
                                candidates, truth)
    panels = picture[-320:].reshape(320, 4, 320, 3).swapaxes(0, 1)
    teacher, drawn, refined = panels[1:].astype(int)
    row, column = 5 * 20, 5 * 31  # in the refined mask only
    assert refined[row, column, 0] > refined[row, column, 2] + 60
    assert abs(teacher[row, column, 0] - teacher[row, column, 2]) < 5
    white = (drawn == 255).all(-1)
    assert white[5 * 10:5 * 30, 5 * 13].any()  # outline of what was chosen
    assert not white[5 * 38:].any()  # but not of the other one


@pytest.mark.parametrize('refiner, expected', [
    (IOM(), 'matched #1 (IoU 0.74, covers 0.85, inside 0.85)'),
    (CPI(), 'matched #1 (IoU 0.74, covers 0.85, inside 0.85), '
     '#2 (IoU 0.16, covers 0.16, inside 1.00)'),
    (IOM(threshold=0.9), 'no candidate matched'),
    (KeepPseudoLabel(trusted=True), 'no candidate matched'),
])  # yapf: disable
def test_what_matched(refiner, expected):
    pseudo = square(10, 10)
    candidates = Candidates.from_masks(
        [square(40, 40), square(10, 13),
         square(12, 12, 8)])
    refinement = refiner(pseudo, candidates)
    assert describe_matches(pseudo, refinement, candidates) == expected


def test_many_matches_and_none():
    pseudo = square(10, 10)
    candidates = Candidates.from_masks([square(12, 12, 8)] * 7)
    text = describe_matches(pseudo, CPI()(pseudo, candidates), candidates)
    assert text.count('#') == 4 and text.endswith('and 3 more')
    for nothing in (None, Candidates.from_masks([], size=(64, 64))):
        assert describe_matches(pseudo, Refinement(pseudo),
                                nothing) == 'no candidates'
        draw_pseudo_label(
            np.zeros((64, 64, 3), np.uint8), 'x', pseudo, Refinement(pseudo),
            nothing)


def test_samples_without_a_true_mask(tmp_path):
    images = []
    runner = make_runner(build_model(tmp_path), images)
    batch = train_batch()
    for sample in batch['data_samples']['unsup_teacher'][1:]:
        del sample.gt_sem_seg
    build_hook().after_train_iter(runner, 0, batch)
    assert len(images) == 1
