"""Scores of label maps from sums of areas."""
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmlangseg.sseg.evaluation import LabelSums, WideIoUMetric

CLASSES = tuple('abcde')


def random_maps(count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        shape = tuple(rng.integers(1, 9, 2))
        labels = rng.integers(0, rng.integers(1, 5), shape)  # never 'e'
        predicted = np.where(
            rng.random(shape) < 0.4, rng.integers(0, 4, shape), labels)
        labels[rng.random(shape) < rng.choice([0, .2, 1])] = 255
        yield predicted.astype(np.uint8), labels.astype(np.int32)


def test_1000_random_maps():
    maps = list(random_maps(1000))
    sums = LabelSums(CLASSES)
    for predicted, labels in maps:
        sums.add(predicted, labels)
    found = sums.summary()
    known = np.concatenate([(t != 255).ravel() for _, t in maps])
    pred = np.concatenate([p.ravel() for p, _ in maps])[known]
    true = np.concatenate([t.ravel() for _, t in maps])[known]
    ious, accs = [], []
    for c in range(len(CLASSES)):
        union = ((pred == c) | (true == c)).sum()
        if union:
            ious.append(((pred == c) & (true == c)).sum() / union)
        if (true == c).any():
            accs.append((pred[true == c] == c).mean())
    # mmseg rounds to two digits
    assert found['mIoU'] == pytest.approx(100 * np.mean(ious), abs=0.006)
    assert found['mAcc'] == pytest.approx(100 * np.mean(accs), abs=0.006)
    assert found['aAcc'] == pytest.approx(
        100 * (pred == true).mean(), abs=0.006)

    metric = WideIoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dict(classes=CLASSES)
    for predicted, labels in maps:
        sample = SegDataSample()
        sample.pred_sem_seg = PixelData(
            data=torch.from_numpy(predicted[None].astype(np.int64)))
        sample.gt_sem_seg = PixelData(
            data=torch.from_numpy(labels[None].astype(np.int64)))
        metric.process({}, [sample.to_dict()])
    assert metric.evaluate(len(maps)) == found


def test_wrong_maps():
    sums = LabelSums(CLASSES)
    image = np.zeros((2, 3), np.int64)
    with pytest.raises(ValueError, match=r'\(2, 3\) pixels, the label map'):
        sums.add(image, image.T)
    with pytest.raises(ValueError, match='class 5 is none of the 5 classes'):
        sums.add(image + 5, image)
    with pytest.raises(ValueError, match='class -1 is none'):
        sums.add(image - 1, image)
    with pytest.raises(ValueError, match='label 7 is none of the 5'):
        sums.add(image, image + 7)
    with pytest.raises(ValueError, match="ignore_index=1 is the class 'b'"):
        LabelSums(CLASSES, ignore_index=1)
    sums.add(image, image + 255)
    with pytest.raises(ValueError, match='all 6 pixels .* are ignored'):
        sums.summary()
