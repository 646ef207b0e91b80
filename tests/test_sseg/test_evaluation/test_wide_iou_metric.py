from __future__ import annotations
import json

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS, MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from mmlangseg.sseg.evaluation import WideIoUMetric
from mmlangseg.sseg.vocabulary import ClassNames, write_class_names

NUM_CLASSES = 1203
IGNORE = 65535


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def make_sample(prediction, label, name='a.jpg', **meta):
    sample = SegDataSample(
        metainfo=dict(img_path=f'/data/{name}', ori_shape=(2, 2), **meta))
    for key, value in (('pred_sem_seg', prediction), ('gt_sem_seg', label)):
        sample.set_field(
            PixelData(data=torch.as_tensor(value)[None]), key, PixelData)
    return sample


def random_samples(count=5, num_classes=NUM_CLASSES, ignore=IGNORE):
    rng = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(count):
        label = torch.randint(num_classes, (40, 30), generator=rng)
        other = torch.randint(num_classes, (40, 30), generator=rng)
        agree = torch.rand(40, 30, generator=rng) < .6
        prediction = torch.where(agree, label, other)
        label[torch.rand(40, 30, generator=rng) < .1] = ignore
        samples.append(make_sample(prediction, label))
    return samples


def evaluate(metric, samples, num_classes=NUM_CLASSES):
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(
        classes=[f'class {i}' for i in range(num_classes)])
    evaluator.process(samples, None)
    return evaluator.evaluate(len(samples))


def naive_miou(samples, num_classes=NUM_CLASSES, ignore=IGNORE):
    scores = []
    for c in range(num_classes):
        inter = union = 0
        for sample in samples:
            label = sample.gt_sem_seg.data
            is_label = label == c
            is_pred = (sample.pred_sem_seg.data == c) & (label != ignore)
            inter += int((is_label & is_pred).sum())
            union += int((is_label | is_pred).sum())
        if union:
            scores.append(inter / union)
    return 100 * np.mean(scores)


def test_a_class_is_not_ignored():
    """Of more than 255 classes the default would leave one out."""
    samples = random_samples(1)
    with pytest.raises(
            ValueError, match="WideIoUMetric is the class 'class "
            "255'"):
        evaluate(WideIoUMetric(), samples)


def test_as_naive_and_as_mmseg():
    samples = random_samples()
    scores = evaluate(WideIoUMetric(ignore_index=IGNORE), samples)
    assert scores['mIoU'] == pytest.approx(naive_miou(samples), abs=.005)
    theirs = evaluate(IoUMetric(ignore_index=IGNORE), samples)
    assert scores == pytest.approx(theirs, abs=.011)


def test_class_255_is_not_ignored():
    sample = make_sample([[255, 256], [255, 1]], [[255, 256], [1, IGNORE]])
    scores = evaluate(WideIoUMetric(ignore_index=IGNORE), [sample], 300)
    # class 255: 1 of 2, 256: 1 of 1, 1: 0 of 1
    assert scores['mIoU'] == 50.
    assert scores['aAcc'] == pytest.approx(66.67)


def test_absent_classes():
    """Of 4 classes 3 is nowhere, and 2 only predicted."""
    sample = make_sample([[0, 1], [2, 1]], [[0, 1], [1, 1]])
    scores = evaluate(WideIoUMetric(), [sample], 4)
    assert scores['mIoU'] == pytest.approx(100 * (1 + 2 / 3 + 0) / 3, abs=.01)
    assert scores['mAcc'] == pytest.approx(100 * (1 + 2 / 3) / 2, abs=.01)


def test_areas_beyond_24_bits():
    """Single pixels count beside 2 ** 24."""
    metric = WideIoUMetric()
    metric.dataset_meta = dict(classes=('a', 'b'))
    big = torch.tensor([2**24, 0])
    one = torch.tensor([1, 1])
    results = [(None, torch.arange(2), big.repeat(4, 1), 0),
               (None, torch.arange(2),
                torch.stack([0 * one, one, 0 * one, one]), 0)]
    scores = metric.compute_metrics(results)
    assert scores['mIoU'] == 50.
    metric.metrics = ['mDice']
    assert metric.compute_metrics(results)['mDice'] < 100


@pytest.mark.parametrize('threads', [1, 2])
def test_a_photograph_of_24_megapixels(threads):
    """18 million pixels of a class, of which float32 counts 2 ** 24."""
    label = torch.zeros(1, 4000, 6000, dtype=torch.uint8)
    prediction = torch.zeros_like(label)
    label[:, 3000:] = 1
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        areas = WideIoUMetric.intersect_and_union(prediction, label, 2, 255)
    finally:
        torch.set_num_threads(before)
    assert [area.tolist() for area in areas] == [[18000000, 0],
                                                 [24000000, 6000000],
                                                 [24000000, 0],
                                                 [18000000, 6000000]]


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr('mmlangseg.sseg.evaluation.wide_iou_metric.print_log',
                        lambda message, logger, level: found.append(message))
    return found


def test_binary_maps_of_0_and_255_are_named(warnings):
    """All of the only class is ignored, and the score is perfect."""
    sample = make_sample([[0, 0], [1, 1]], [[0, 255], [255, 255]])
    scores = evaluate(WideIoUMetric(), [sample], 2)
    assert scores['aAcc'] == 100
    assert len(warnings) == 2
    assert 'no pixel' in warnings[0] and 'class 1' in warnings[0]
    assert '75.0 % of the pixels are ignored' in warnings[1]


def test_a_share_that_the_data_set_ignores_is_not_named(warnings):
    sample = make_sample([[0, 0], [0, 0]], [[0, 255], [255, 255]])
    for meta in (dict(reduce_zero_label=True), dict(label_map={3: 255})):
        metric = WideIoUMetric()
        metric.dataset_meta = dict(classes=['a'], **meta)
        metric.process({}, [sample.to_dict()])
        metric.evaluate(1)
    assert not warnings


def test_no_data_set_ignores_nearly_all(warnings):
    """Maps of 0 and 255 with a stray pixel, and classes without background:
    both values are ignored."""
    label = np.full((10, 10), 255)
    label[0, 0] = 0
    metric = WideIoUMetric()
    metric.dataset_meta = dict(classes=['a'], reduce_zero_label=True)
    sample = make_sample(np.zeros((10, 10), int), label)
    metric.process({}, [sample.to_dict()])
    metric.evaluate(1)
    assert len(warnings) == 1
    assert '99.0 % of the pixels are ignored' in warnings[0]


def test_nothing_to_score():
    sample = make_sample([[0, 0]], [[255, 255]])
    with pytest.raises(ValueError, match='all 2 pixels .* are ignored'):
        evaluate(WideIoUMetric(), [sample], 2)


def test_another_size_than_the_prediction():
    sample = make_sample([[0, 0]], [[0, 0]], seg_map_path='c.png')
    sample = sample.to_dict()
    sample['gt_sem_seg']['data'] = torch.zeros(1, 2, 3).long()
    metric = WideIoUMetric()
    metric.dataset_meta = dict(classes=['a'])
    with pytest.raises(ValueError, match=r'c.png: .*\(2, 3\) .*\(1, 2\)'):
        metric.process({}, [sample])


def test_kept_of_an_image_is_little():
    samples = random_samples(1)
    samples[0].gt_sem_seg.data[:] = 700
    samples[0].pred_sem_seg.data[:] = 700
    metric = WideIoUMetric(ignore_index=IGNORE)
    metric.dataset_meta = dict(classes=['c'] * NUM_CLASSES)
    metric.process({}, [samples[0].to_dict()])
    (_, classes, areas, ignored), = metric.results
    assert classes.tolist() == [700] and areas.tolist() == [[1200]] * 4
    assert ignored == 0


@pytest.mark.parametrize('prediction, label, message', [
    (81, 0, 'class 81 was predicted, but the data set has 81 classes'),
    (0, -1, 'c.png: label -1 is no class'),
    (0, 255, 'c.png: label 255 is no class .* ignore_index 65535'),
])
def test_what_is_no_class(prediction, label, message):
    sample = make_sample([[prediction, 0]], [[0, label]], seg_map_path='c.png')
    with pytest.raises(ValueError, match=message):
        evaluate(WideIoUMetric(ignore_index=IGNORE), [sample], 81)


@pytest.mark.parametrize('num_classes, mode', [(81, 'L'), (300, 'I;16')])
@pytest.mark.parametrize('reduced', [True, False])
@pytest.mark.parametrize('format_only', [True, False])
def test_output(tmp_path, num_classes, mode, reduced, format_only):
    last = num_classes - 1
    sample = make_sample([[0, last]], [[1, last]], reduce_zero_label=reduced)
    metric = METRICS.build(
        dict(
            type='WideIoUMetric',
            ignore_index=IGNORE,
            output_dir=str(tmp_path / 'out'),
            format_only=format_only))
    scores = evaluate(metric, [sample], num_classes)
    assert bool(scores) is not format_only
    with Image.open(tmp_path / 'out' / 'a.png') as image:
        assert image.mode == mode
        assert np.array(image).tolist() == [[reduced, last + reduced]]


def test_two_images_of_one_name(tmp_path):
    """Folder by folder they are told apart, but not in ``output_dir``."""
    metric = WideIoUMetric(output_dir=str(tmp_path / 'out'))
    samples = [
        make_sample([[i]], [[i]], f'{folder}/1.jpg').to_dict()
        for i, folder in enumerate('ab')
    ]
    metric.dataset_meta = dict(classes=('x', 'y'))
    metric.process({}, samples[:1])
    metric.process({}, samples[:1])  # as to fill up a batch
    with pytest.raises(ValueError, match='b/1.jpg and /data/a/1.jpg would'):
        metric.process({}, samples[1:])


def test_one_pixel():
    sample = make_sample([[2]], [[2]])
    assert evaluate(WideIoUMetric(), [sample], 3)['mIoU'] == 100.


@MODELS.register_module()
class RedIsTheClass(BaseModel):
    """Predicts 4 times the value of red: the made images show their label."""

    def forward(self, inputs, data_samples, mode):
        for image, sample in zip(inputs, data_samples):
            labels = 4 * image[:1].long()
            size = sample.ori_shape
            labels = labels[:, :size[0], :size[1]]
            sample.pred_sem_seg = PixelData(data=labels)
        return data_samples


def test_ids_survive_a_test_run(tmp_path):
    """From 16-bit files to the score, by mmengine's own loop."""
    ids = np.array([[4, 252, 256, 1200], [1000, 8, 0, 260]])  # less than 4*256
    names = tuple((f'class {i}', ) for i in range(1, NUM_CLASSES + 1))
    write_class_names(tmp_path / 'classes.txt', ClassNames(names, False))
    for folder in ('val2017', 'labels/val2017'):
        (tmp_path / folder).mkdir(parents=True)
    lines = []
    for i, row in enumerate(ids):
        image = np.zeros((1, 4, 3), np.uint8)
        image[0, :, 0] = np.minimum(row // 4, 255)
        # label = id - 1, so ids are one above what the model reads
        name = f'val2017/{i}'
        Image.fromarray(image).save(tmp_path / f'{name}.png')
        Image.fromarray((row + 1)[None].astype(np.uint16)).save(
            tmp_path / 'labels' / f'{name}.png')
        lines.append(name)
    (tmp_path / 'lvis_v1_val.txt').write_text('\n'.join(lines))
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadWideAnnotations'),
        dict(type='PackSegInputs')
    ]
    runner = Runner(
        model=dict(
            type='RedIsTheClass',
            data_preprocessor=dict(
                type='SegDataPreProcessor', bgr_to_rgb=True)),
        work_dir=str(tmp_path / 'run'),
        test_dataloader=dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='LVISDataset',
                data_root=str(tmp_path),
                img_suffix='.png',
                pipeline=pipeline)),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=dict(type='WideIoUMetric', ignore_index=IGNORE),
        default_scope='mmseg',
        log_level='ERROR',
        experiment_name='wide')
    scores = runner.test()
    # 1200 // 4 does not fit a byte: predicted 1020, so two classes are wrong
    assert scores['mIoU'] == pytest.approx(100 * 7 / 9, abs=.01)
    assert scores['aAcc'] == pytest.approx(100 * 7 / 8, abs=.01)


def test_out_file_holds_a_record_of_every_image(tmp_path):
    label = torch.tensor([[0, 0], [1, IGNORE]])
    first = make_sample(torch.tensor([[0, 2], [1, 2]]), label, 'a.jpg')
    empty = make_sample(
        torch.zeros(2, 2).long(), torch.full((2, 2), IGNORE), 'b.jpg')
    path = tmp_path / 'results' / 'out.json'

    metrics = evaluate(
        WideIoUMetric(ignore_index=IGNORE, out_file=str(path)), [first, empty],
        num_classes=4)

    written = json.loads(path.read_text())
    assert written['metrics'] == metrics
    assert written['classes'] == {'class 0': 50, 'class 1': 100, 'class 2': 0}
    assert written['records'] == [
        dict(
            img_path='/data/a.jpg',
            mIoU=50,
            classes={
                'class 0': 50,
                'class 1': 100,
                'class 2': 0
            }),
        dict(img_path='/data/b.jpg', mIoU=None, classes={})
    ]
