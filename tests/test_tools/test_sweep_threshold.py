import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import sseg_model
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from mmseg.evaluation import IoUMetric
from PIL import Image

from mmlangseg.apis.model import load_model

TOOL = Path(__file__).resolve().parents[2] / 'tools/sseg/sweep_threshold.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('sweep_threshold', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sseg')
    sseg_model.write_config(folder)
    init_default_scope('mmseg')
    model = sseg_model.build(sseg_model.model_config(folder))
    sseg_model.save_checkpoint(folder / 'best.pth', model)
    return folder


@pytest.fixture
def run(tool, folder, monkeypatch, capsys):
    """Run the tool; gives what it prints, and the message it stops with."""

    def run(*args, config='tiny.py'):
        monkeypatch.setattr(sys, 'argv', [
            'sweep_threshold.py',
            str(folder / config),
            str(folder / 'best.pth'), *map(str, args)
        ])
        try:
            tool.main()
            stop = ''
        except SystemExit as error:
            stop = str(error)
        captured = capsys.readouterr()
        return f'{captured.out} {stop} {captured.err}'

    return run


def naive(images, thresholds, num_classes):
    """mmseg's scores, one threshold after the other."""
    rows = []
    for threshold in thresholds:
        areas = []
        for classes, confidence, labels in images:
            pred = torch.where(confidence > threshold, classes + 1, 0)
            areas.append(
                IoUMetric.intersect_and_union(pred, labels, num_classes + 1,
                                              255))
        intersect, union = (sum(area[i] for area in areas) for i in (0, 1))
        rows.append((100 * intersect / union).numpy())
    return np.stack(rows)


def test_scores_are_those_of_mmseg(tool):
    random = torch.Generator().manual_seed(0)
    images = []
    for size in ((9, 11), (20, 30)):
        labels = torch.randint(5, size, generator=random)
        labels[torch.rand(size, generator=random) < 0.1] = 255
        labels[labels == 4] = 0  # of a class that is not labelled
        images.append((torch.randint(4, size, generator=random),
                       torch.rand(size, generator=random), labels))
    images[0][1][0, :5] = 0.3  # exactly at a threshold: background
    thresholds = [0.9, 0., 0.3, 2., 0.3]
    scores = tool.ThresholdSweep(thresholds, 4)
    for image in images:
        scores.update(*image)
    expected = naive(images, torch.tensor([0., 0.3, 0.9, 2.]), 4)
    np.testing.assert_allclose(scores.iou(), expected, rtol=1e-5)
    assert np.isnan(scores.iou()[3, 4]) and scores.iou()[0, 0] == 0


def test_equals_testing_with_each_threshold(run, folder, tmp_path):
    printed = run('--dataloader', 'sweep_dataloader', '--thresholds', '0.4',
                  '0.5', '0.6', '--out', tmp_path / 'sweep.json', '--device',
                  'cpu')
    written = json.loads((tmp_path / 'sweep.json').read_text())
    assert written['images'] == 3
    cfg = Config.fromfile(folder / 'tiny.py')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    model = load_model(cfg, folder / 'best.pth', 'cpu')
    metric = IoUMetric()
    metric.dataset_meta = dataset.metainfo
    for row in written['rows']:
        model.background_threshold = row['threshold']
        for packed in dataset:
            with torch.no_grad():
                outputs = model.test_step(pseudo_collate([packed]))
            metric.process({}, [output.to_dict() for output in outputs])
        expected = metric.evaluate(len(dataset))
        assert row['mIoU'] == pytest.approx(expected['mIoU'], abs=0.006)
        # without the blanks that align the columns
        assert f'| {row["threshold"]} | {row["mIoU"]:.2f} |' in ' '.join(
            printed.split())
    best = max(written['rows'], key=lambda row: row['mIoU'])
    assert written['best'] == best['threshold']
    assert f'best on 3 images: background_threshold={best["threshold"]}' \
        in printed


def test_other_images_than_those_of_the_test(run, folder, tmp_path):
    (folder / 'train.txt').write_text('2\n0\n')
    for args, images in [
        (('--ann-file', folder / 'train.txt'), 2),
        (('--img-path', 'images', '--seg-map-path', 'labels'), 3),
        (('--dataloader', 'sweep_dataloader', '--max-images', 2), 2),
    ]:
        run(*args, '--thresholds', '0.5', '--out', tmp_path / 'a.json')
        assert json.loads(
            (tmp_path / 'a.json').read_text())['images'] == images


def test_one_clear_line_for_bad_input(run, folder, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    sseg_model.write_config(
        other,
        model=sseg_model.model_config(
            other, vocabulary=dict(classes=['cat', 'dog', 'grass'])))
    few = tmp_path / 'few'
    few.mkdir()
    sseg_model.write_config(
        few,
        model=sseg_model.model_config(
            few, vocabulary=dict(classes=['cat'], background=True)))
    turned = tmp_path / 'turned'
    turned.mkdir()
    sseg_model.write_config(
        turned,
        model=sseg_model.model_config(
            turned,
            vocabulary=dict(classes=['dog', 'cat', 'grass'], background=True)))
    train = ('--dataloader', 'sweep_dataloader')
    for config, message, *args in [
        ('tiny.py', 'must not be chosen on the images of the test'),
        ('tiny.py', 'has no val_dataloader', '--dataloader', 'val_dataloader'),
        ('tiny.py', 'must be at least 1', *train, '--max-images', 0),
        ('tiny.py', 'must end in .json', *train, '--out', 'a.txt'),
        ('tiny.py', "--thresholds: '5' must be a number from 0 to 1", *train,
         '--thresholds', 0.5, 5),
        ('none.py', 'none.py does not exist', *train),
        (other / 'tiny.py', 'no vocabulary with background', *train),
        (few / 'tiny.py', "has 2 labels, from 'background' to 'cat', the data "
         'set 4', *train),
        (turned / 'tiny.py', "'dog' is label 1 of the model, but 2", *train),
        ('tiny.py', "by the rule 'constant': set", *train, '--cfg-options',
         'model.background_rule=groupvit'),
    ]:
        assert message in run(*args, config=config), message


def test_labels_that_are_no_class(tool):
    scores = tool.ThresholdSweep([0.5], 2)
    one = torch.ones(1, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match='label 3 is no class'):
        scores.update(one, one.float(), 3 * one)
    scores.update(one, one.float(), 255 * one)
    assert np.isnan(scores.iou()).all()
    assert scores.ignored == 1


def test_labels_that_are_missing_or_wrong_are_named(run, folder, tmp_path):
    labels = folder / 'data' / 'binary'
    labels.mkdir()
    for i in range(3):
        shape = (40 + 2 * i, 56)
        Image.fromarray(np.full(shape, 255,
                                np.uint8)).save(labels / f'{i}.png')
    args = ('--img-path', 'images', '--seg-map-path', 'binary')
    assert 'pixels of the label maps are ignored' in run(*args)
    Image.fromarray(np.zeros((40, 56), np.uint8)).save(labels / '0.png')
    assert 'no pixel of the label maps has 3 of the 4 classes' in run(*args)
    Image.fromarray(np.full((40, 56), 9, np.uint8)).save(labels / '0.png')
    assert f'{labels / "0.png"}: label 9 is no class' in run(*args)
