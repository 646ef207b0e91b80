import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmlangseg.evaluation import ReferringSegMetric

ROOT = Path(__file__).resolve().parents[2]
PARITY = ROOT.parent / 'shared' / 'parity'
FALLBACK = dict(min_points=100, topk=5000)


def scan_sample(pred, target, groups=None, object_ids=None, logits=None):
    """A packed and predicted scan; pred, target: bool (E, N)."""
    pred, target = torch.as_tensor(pred), torch.as_tensor(target)
    expressions = [
        dict(
            text=f'sentence {i}',
            object_ids=[i] if object_ids is None else object_ids[i],
            ann_id=str(i),
            groups=groups[i] if groups else []) for i in range(len(pred))
    ]
    sample = BaseDataElement(
        metainfo=dict(scene_id='scene0000_00', expressions=expressions))
    sample.gt_instances_3d = InstanceData(masks=target)
    sample.pred_instances_3d = InstanceData(
        masks=pred, scores=torch.ones(len(pred)))
    if logits is not None:
        sample.pred_instances_3d.logits = torch.as_tensor(logits)
    return sample


def image_sample(pred, target, **metainfo):
    """A predicted image; pred, target: bool (H, W)."""
    sample = BaseDataElement(metainfo=dict(text='left man', **metainfo))
    sample.gt_sem_seg = PixelData(data=torch.as_tensor(target)[None].long())
    sample.pred_sem_seg = PixelData(data=torch.as_tensor(pred)[None].long())
    return sample


def evaluate(samples, **kwargs):
    evaluator = Evaluator(ReferringSegMetric(**kwargs))
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def random_samples(seed=0, count=6):
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(count):
        shape = rng.integers(1, 5), rng.integers(20, 60)  # ragged
        target = rng.random(shape) < 0.4
        pred = target ^ (rng.random(shape) < rng.uniform(0, 0.6))
        groups = [[['unique', 'multiple'][i % 2]] for i in range(shape[0])]
        samples.append(scan_sample(pred, target, groups))
    return samples


def test_against_naive_reference():
    samples = random_samples()
    ious, inters, unions, names = [], 0, 0, []
    for sample in samples:
        for e, expression in enumerate(sample.expressions):
            pred = sample.pred_instances_3d.masks[e].tolist()
            target = sample.gt_instances_3d.masks[e].tolist()
            inter = sum(p and t for p, t in zip(pred, target))
            union = sum(p or t for p, t in zip(pred, target))
            ious.append(inter / union)
            inters, unions = inters + inter, unions + union
            names += expression['groups']
    metrics = evaluate(samples)
    assert metrics['mIoU'] == pytest.approx(100 * np.mean(ious))
    assert metrics['oIoU'] == pytest.approx(100 * inters / unions)
    for t in (0.25, 0.5):
        hits = [iou > t for iou in ious]
        assert 0 < sum(hits) < len(hits)
        assert metrics[f'Acc@{t}'] == pytest.approx(100 * np.mean(hits))
    for group in ('unique', 'multiple'):
        part = [iou for iou, name in zip(ious, names) if name == group]
        assert metrics[f'{group}/mIoU'] == pytest.approx(100 * np.mean(part))
    assert not any('zero_target' in key for key in metrics)


@pytest.mark.parametrize('inclusive, hits', [(False, 0.), (True, 100.)])
def test_iou_on_the_threshold(inclusive, hits):
    pred = np.zeros((1, 10), bool)
    target = np.zeros((1, 10), bool)
    pred[0, :7], target[0, :] = True, True  # IoU exactly 0.7
    metrics = evaluate([scan_sample(pred, target)],
                       thresholds=(0.7, ),
                       inclusive=inclusive,
                       accuracy_name='P')
    assert metrics['P@0.7'] == hits


def test_zero_target():
    empty, some = np.zeros(100, bool), np.arange(100) < 10
    few = np.arange(100) < 3
    target = np.stack([empty, empty, some])
    ids = [[], [], [4]]

    def run(first, **kwargs):
        pred = np.stack([first, some, some])
        return evaluate([scan_sample(pred, target, object_ids=ids)], **kwargs)

    metrics = run(empty)
    assert metrics['mIoU'] == pytest.approx(200 / 3)
    assert metrics['zero_target/Acc'] == 50
    assert metrics['with_target/mIoU'] == 100
    # the wrong prediction counts in the union, the right one does not
    assert metrics['oIoU'] == 50
    assert run(few)['zero_target/Acc'] == 0
    few_allowed = run(few, zero_target_min_points=4)
    assert few_allowed['zero_target/Acc'] == 50
    assert few_allowed['oIoU'] == 50


def test_named_object_without_points_is_a_miss():
    empty = np.zeros((1, 30), bool)
    metrics = evaluate([scan_sample(empty, empty, object_ids=[[5]])])
    assert metrics['mIoU'] == 0
    assert 'zero_target/Acc' not in metrics


def test_fallback_is_reported_apart():
    target = np.arange(300)[None] < 100
    logits = -np.arange(300.)[None] - 1  # nothing predicted
    sample = scan_sample(
        logits > 0, target, groups=[['unique']], logits=logits)
    metrics = evaluate([sample], fallback=dict(min_points=10, topk=50))
    assert metrics['mIoU'] == 0
    assert metrics['fallback/mIoU'] == 50
    assert metrics['fallback/unique/mIoU'] == 50
    pred = np.arange(300)[None] < 10  # not fewer than min_points
    sample = scan_sample(pred, target, logits=logits)
    metrics = evaluate([sample], fallback=dict(min_points=10, topk=50))
    assert metrics['fallback/mIoU'] == metrics['mIoU'] == 10


def test_images_and_out_file(tmp_path):
    target = np.zeros((4, 6), bool)
    target[:2] = True
    pred = np.zeros((4, 6), bool)
    pred[:1] = True
    out_file = tmp_path / 'sub' / 'records.json'
    metrics = evaluate([
        image_sample(pred, target, img_path='a.jpg', ref_id=3),
        image_sample(target, target, img_path='b.jpg', groups=['testA']),
    ],
                       out_file=str(out_file))
    assert metrics['mIoU'] == 75
    assert metrics['testA/mIoU'] == 100
    written = json.loads(out_file.read_text())
    assert written['metrics'] == metrics
    first = written['records'][0]
    assert first['ref_id'] == 3 and first['img_path'] == 'a.jpg'
    assert (first['iou'], first['inter'], first['union']) == (0.5, 6, 12)
    assert (first['n_pred'], first['n_target']) == (6, 12)
    assert os.listdir(out_file.parent) == ['records.json']


def shaped(shape, ori_shape, img_shape):
    mask = np.ones(shape, bool)
    return image_sample(mask, mask, ori_shape=ori_shape, img_shape=img_shape)


@pytest.mark.parametrize('samples, said', [
    ([((4, 4), (6, 8), (4, 4)),
      ((4, 4), (4, 4), (4, 4))], 'the resized size, 4 x 4'),
    ([((6, 8), (6, 8), (4, 4)),
      ((8, 6), (8, 6), (4, 4))], 'the original size'),
    ([((6, 8), (6, 8), (4, 4)), ((4, 4), (6, 8), (4, 4))], None),
    ([((4, 4), None, None)], None),
])
def test_says_at_which_size(samples, said, tmp_path):
    path = tmp_path / 'records.json'
    samples = [
        shaped(*sample) if sample[1] else image_sample(
            np.ones(sample[0], bool), np.ones(sample[0], bool))
        for sample in samples
    ]
    metrics = evaluate(samples, out_file=str(path))
    written = json.loads(path.read_text())
    assert all(isinstance(value, float) for value in metrics.values())
    if said is None:
        assert 'metainfo' not in written
    else:
        assert written['metainfo'] == dict(mask_size=said)


def test_table_says_at_which_size(monkeypatch):
    printed = []
    monkeypatch.setattr('mmlangseg.evaluation.referring_seg_metric.print_log',
                        lambda text, logger: printed.append(text))
    evaluate([shaped((4, 4), (6, 8), (4, 4))])
    evaluate([scan_sample([[True]], [[True]])])
    image, scan = printed
    assert image.startswith('\nmasks compared at the resized size, 4 x 4\n+')
    assert scan.startswith('\n+---')


def test_clear_errors():
    mask = np.ones((2, 5), bool)
    with pytest.raises(ValueError, match='scene0000_00.*same points'):
        evaluate([scan_sample(mask, np.ones((2, 6), bool))])
    with pytest.raises(ValueError, match='a.jpg.*the same size'):
        evaluate([image_sample(mask, mask[:, :4], img_path='a.jpg')])
    with pytest.raises(KeyError, match='predict mode'):
        evaluate([BaseDataElement()])
    with pytest.raises(ValueError, match='0.25, not 25'):
        ReferringSegMetric(thresholds=(25, 50))
    with pytest.raises(ValueError, match='min_points and topk'):
        ReferringSegMetric(fallback=dict(min_point=3))
    with pytest.raises(ValueError, match='reserved'):
        evaluate([scan_sample(mask, mask, groups=[['overall']] * 2)])


def evaluate_in_process(rank, world_size, folder, round_up):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=world_size)
    from mmengine.dataset import DefaultSampler
    samples = random_samples(count=7)
    sampler = DefaultSampler(samples, shuffle=False, round_up=round_up)
    metric = ReferringSegMetric(
        out_file=f'{folder}/records.json', collect_dir=f'{folder}/parts')
    evaluator = Evaluator(metric)
    mine = [samples[i] for i in sampler]
    for start in range(0, len(mine), 3):
        evaluator.process(mine[start:start + 3])
    metrics = evaluator.evaluate(len(samples))
    with open(f'{folder}/metrics_{rank}.json', 'w') as file:
        json.dump(metrics, file)
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize('round_up', [True, False])
def test_two_processes_give_the_numbers_of_one(tmp_path, round_up):
    one = tmp_path / 'one.json'
    expected = evaluate(random_samples(count=7), out_file=str(one))
    # not multiprocessing: it imports this file by the name pytest gave it
    processes = [
        subprocess.Popen([
            sys.executable, __file__,
            str(rank),
            str(tmp_path),
            str(round_up)
        ],
                         env=dict(os.environ, PYTHONPATH=str(ROOT)))
        for rank in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    for rank in range(2):  # every rank gets the metrics
        got = json.loads((tmp_path / f'metrics_{rank}.json').read_text())
        assert got == expected
    records = json.loads((tmp_path / 'records.json').read_text())
    assert records == json.loads(one.read_text())


@pytest.mark.skipif(
    not (PARITY / 'less_metric.npz').exists(),
    reason='the shared parity fixtures are not here')
def test_parity_less():
    data = np.load(PARITY / 'less_metric.npz')
    samples = []
    for k, n in enumerate(data['n_points']):
        logits = data[f'{k:02d}/logits'].reshape(1, -1)
        target = np.unpackbits(data[f'{k:02d}/mask'])[:n].astype(bool)[None]
        group = ['unique', 'multiple'][data['unique_multiple'][k]]
        samples.append(
            scan_sample(logits > 0, target, [[group]], logits=logits))
    metric = ReferringSegMetric(fallback=FALLBACK)
    metric.process(None, [sample.to_dict() for sample in samples])
    for k, (record, ) in enumerate(metric.results):
        assert record['n_pred'] == data[f'{k:02d}/n_pred_before']
        assert record['fallback']['inter'] == data['inter'][k]
        assert record['fallback']['union'] == data['union'][k]
        assert record['fallback']['iou'] == pytest.approx(
            data['iou'][k], abs=1e-7)
    metrics = metric.evaluate(len(samples))
    for key, name in [('mIoU', 'agg_miou'), ('Acc@0.25', 'agg_acc25'),
                      ('Acc@0.5', 'agg_acc50'), ('oIoU', 'agg_overall_iou'),
                      ('unique/mIoU', 'agg_miou_unique'),
                      ('multiple/mIoU', 'agg_miou_multiple')]:
        assert metrics[f'fallback/{key}'] == pytest.approx(
            100 * data[name], abs=1e-5)


@pytest.mark.skipif(
    not (PARITY / 'metric_res.npz').exists(),
    reason='the shared parity fixtures are not here')
def test_parity_images():
    data = np.load(PARITY / 'metric_res.npz')
    height, width = data['hw']
    pred, target = (
        np.unpackbits(data[key],
                      axis=-1)[:, :height * width].reshape(-1, height, width)
        for key in ('pred', 'gt'))
    metric = ReferringSegMetric(
        thresholds=data['thresholds'].tolist(),
        inclusive=True,
        accuracy_name='P')
    samples = [image_sample(p, t) for p, t in zip(pred, target)]
    metric.process(None, [sample.to_dict() for sample in samples])
    for k, (record, ) in enumerate(metric.results):
        assert record['inter'] == data['inter'][k]
        assert record['union'] == data['union'][k]
        # the reference gives 0 where nothing is asked for or predicted
        right = 1 if data['union'][k] == 0 else data['iou'][k]
        assert record['iou'] == pytest.approx(right, abs=1e-12)
    credit = (data['union'] == 0).mean()
    assert credit == 1 / 50
    metrics = metric.evaluate(len(samples))
    assert metrics['mIoU'] == pytest.approx(100 * (data['miou'] + credit))
    assert metrics['oIoU'] == pytest.approx(100 * data['oiou'])
    for t, precision in zip(data['thresholds'], data['precision_at']):
        assert metrics[f'P@{t:g}'] == pytest.approx(100 * (precision + credit))


if __name__ == '__main__':
    evaluate_in_process(
        int(sys.argv[1]), 2, sys.argv[2], round_up=sys.argv[3] == 'True')
