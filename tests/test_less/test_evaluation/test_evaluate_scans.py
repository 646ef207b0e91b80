"""Scores of predictions on scans, against the formulas written naively."""
import json

import numpy as np
import pytest
import scan_data

from mmlangseg.evaluation import PredictionError, ReferringSums
from mmlangseg.io.annotations import AnnotationError
from mmlangseg.less.datasets.annotations import write_annotations
from mmlangseg.less.evaluation import (BoxF1, evaluate_scan_boxes,
                                       evaluate_scan_masks)
from mmlangseg.less.scans import files as scan_files

SCENES = 4


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Scans with objects 0 to 2, and one whose labels are far apart."""
    root = tmp_path_factory.mktemp('scans')
    scenes = scan_data.write_scans(root, SCENES)
    path = root / 'instance_mask' / f'{scenes[-1]}.bin'
    labels = np.fromfile(path, '<i8')
    labels[labels == 3] = 100001  # object 100,000 in place of 2
    labels.tofile(path)
    return root


def make_truth(root, count, rng):
    """Random sentences about none, one or several objects of the scans."""
    infos = scan_files.read_infos(root / 'infos_train.pkl', root)
    rows = []
    for ann in range(count):
        scene = f'scene{rng.integers(SCENES):04d}_00'
        objects = [0, 1, 2] if scene != f'scene{SCENES - 1:04d}_00' else \
            [0, 1, 100000]
        chosen = rng.permutation(objects)[:rng.integers(0, 4)]
        kind = ('zt', 'st', 'mt', 'mt')[len(chosen)]
        rows.append(
            dict(
                scene_id=scene,
                object_ids=sorted(chosen.tolist()),
                object_name='chair',
                ann_id=str(ann),
                description='it',
                token=['it'],
                groups=[kind + rng.choice(['_w_d', '_wo_d'])]))
    write_annotations(root / 'truth.json', {}, rows)
    masks = []
    for row in rows:
        info = infos[row['scene_id']]
        labels = np.fromfile(info.instances_path, '<i8')
        masks.append(np.isin(labels, np.array(row['object_ids']) + 1))
    return rows, masks


def run(root, predictions, sums=None, **kwargs):
    path = root / 'predictions.json'
    path.write_text(json.dumps(predictions))
    sums = sums or ReferringSums((0.25, 0.5), False, 'Acc')
    return evaluate_scan_masks(path, root / 'truth.json',
                               root / 'infos_train.pkl', root, sums, **kwargs)


def test_1000_random_masks(root):
    rng = np.random.default_rng(1)
    rows, targets = make_truth(root, 1000, rng)
    predictions, ious, inters, unions = [], [], 0, 0
    for row, target in zip(rows, targets):
        flip = rng.random(len(target)) < rng.choice([0, .05, .3, .6])
        pred = (target ^ flip) & (rng.random() < 0.9)  # some are empty
        predictions.append(
            dict(
                scene_id=row['scene_id'],
                ann_id=int(row['ann_id']),
                point_indices=np.flatnonzero(pred).tolist()))
        inter, union = (pred & target).sum(), (pred | target).sum()
        if row['object_ids']:
            ious.append(inter / union)
        else:
            ious.append(float(pred.sum() < 5))
            union = 0 if ious[-1] else union
        inters, unions = inters + inter, unions + union
    predictions = [predictions[i] for i in rng.permutation(1000)]
    summary = run(root, predictions, min_points=5)
    ious = np.array(ious)
    overall = summary['overall']
    assert overall['count'] == 1000
    assert overall['mIoU'] == pytest.approx(100 * ious.mean())
    assert overall['oIoU'] == pytest.approx(100 * inters / unions)
    assert overall['Acc@0.25'] == pytest.approx(100 * (ious > .25).mean())
    assert overall['Acc@0.5'] == pytest.approx(100 * (ious > .5).mean())
    for group in ('zt_w_d', 'zt_wo_d', 'st_w_d', 'st_wo_d', 'mt_w_d'):
        chosen = np.array([group in row['groups'] for row in rows])
        assert summary[group]['mIoU'] == pytest.approx(100 *
                                                       ious[chosen].mean())


def boxes_of(points, masks):
    return [[*points[m].min(0), *points[m].max(0)] for m in masks]


def naive_iou(a, b):
    sides = [
        max(0.,
            min(a[i + 3], b[i + 3]) - max(a[i], b[i])) for i in range(3)
    ]
    inter = sides[0] * sides[1] * sides[2]
    volume = [(c[3] - c[0]) * (c[4] - c[1]) * (c[5] - c[2]) for c in (a, b)]
    return inter / (sum(volume) - inter)


def naive_f1(predicted, true, threshold):
    """The best one-to-one matching, found by trying all."""
    from itertools import permutations
    if not true:
        return float(not predicted)
    if not predicted:
        return 0.
    few, many = sorted((predicted, true), key=len)
    best = max(
        permutations(many, len(few)),
        key=lambda other: sum(map(naive_iou, few, other)))
    hits = sum(naive_iou(a, b) >= threshold for a, b in zip(few, best))
    return 2 * hits / (len(predicted) + len(true))


def test_boxes_of_random_predictions(root):
    rng = np.random.default_rng(2)
    rows, _ = make_truth(root, 300, rng)
    infos = scan_files.read_infos(root / 'infos_train.pkl', root)
    predictions, scores = [], {0.25: [], 0.5: []}
    for row in rows:
        info = infos[row['scene_id']]
        points = scan_files.read_points(info.points_path)[:, :3].astype(float)
        matrix = info.axis_align_matrix
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
        labels = np.fromfile(info.instances_path, '<i8')
        true = boxes_of(points, [labels == i + 1 for i in row['object_ids']])
        predicted = [(np.array(box) + np.r_[rng.normal(0, .3, 3),
                                            rng.normal(2, .3, 3)]).tolist()
                     for box in true if rng.random() < 0.8]
        if rng.random() < 0.4:
            low = rng.uniform(-1, 1, 3)
            predicted.append([*low, *(low + 2)])
        for t in scores:
            scores[t].append(naive_f1(predicted, true, t))
        form = rng.integers(3)
        if form == 1:
            predicted = np.reshape(predicted, (-1, 2, 3)).tolist()
        elif form == 2:  # eight corners
            predicted = [[[box[3 * (k >> i & 1) + i] for i in range(3)]
                          for k in range(8)] for box in predicted]
        predictions.append(
            dict(
                scene_id=row['scene_id'],
                ann_id=row['ann_id'],
                boxes=predicted))
    path = root / 'boxes.json'
    path.write_text(json.dumps(predictions))
    summary = evaluate_scan_boxes(path, root / 'truth.json',
                                  root / 'infos_train.pkl', root, BoxF1())
    assert summary['overall']['count'] == 300
    for t, values in scores.items():
        assert summary['overall'][f'F1@{t}'] == pytest.approx(100 *
                                                              np.mean(values))
        for group in ('zt_w_d', 'st_wo_d', 'mt_w_d'):
            chosen = [group in row['groups'] for row in rows]
            assert summary[group][f'F1@{t}'] == pytest.approx(
                100 * np.mean(np.array(values)[chosen]))


def write_two(root):
    """Two sentences of one ann_id about two objects, as in ScanRefer."""
    rows = [
        scan_data.make_row('scene0000_00', i, groups=['unique'])
        for i in (0, 1)
    ]
    (root / 'truth.json').write_text(json.dumps(rows))
    return [
        dict(
            scene_id='scene0000_00',
            ann_id=0,
            object_id=str(i),
            point_indices=[i + 1]) for i in (0, 1)
    ]


def test_object_id_tells_sentences_apart(root):
    predictions = write_two(root)
    row = run(root, predictions)['unique']
    assert row['count'] == 2
    # each object has 15 of the 60 points
    assert row['mIoU'] == pytest.approx(100 / 15)
    with pytest.raises(PredictionError, match='row 1: there was a prediction'):
        run(root, predictions[:1] * 2)
    with pytest.raises(PredictionError, match='1 of the 2 annotations'):
        run(root, predictions[:1])
    del predictions[0]['object_id']
    with pytest.raises(PredictionError, match='add "object_id"'):
        run(root, predictions)


@pytest.mark.parametrize('changes, message', [
    (dict(point_indices=[60]), 'row 0: index 60 is not a point'),
    (dict(scene_id='scene0009_00'), 'scene0009_00, ann_id 0 is not in'),
])
def test_wrong_predictions(root, changes, message):
    predictions = write_two(root)
    predictions[0].update(changes)
    with pytest.raises(PredictionError, match=message):
        run(root, predictions)


def test_wrong_boxes(root):
    path = root / 'boxes.json'
    for boxes, message in (
        ([[0, 0, 0, -1, 1, 1]], 'the minimum of a box is above its maximum'),
        ([[0, 0, 0, 1]], r'its boxes have shape \(1, 4\)'),
        ([[0, 0, 0, 1, 1, None]], 'no boxes of finite numbers'),
        ('x', 'no boxes of finite numbers'),
    ):
        predictions = write_two(root)
        for row in predictions:
            del row['point_indices']
            row['boxes'] = boxes
        path.write_text(json.dumps(predictions))
        with pytest.raises(PredictionError, match=message):
            evaluate_scan_boxes(path, root / 'truth.json',
                                root / 'infos_train.pkl', root, BoxF1())
    with pytest.raises(PredictionError, match='it has no boxes'):
        path.write_text(json.dumps(write_two(root)))
        evaluate_scan_boxes(path, root / 'truth.json',
                            root / 'infos_train.pkl', root, BoxF1())


def test_annotations_that_do_not_fit(root):
    predictions = write_two(root)
    rows = json.loads((root / 'truth.json').read_text())
    last = f'scene{SCENES - 1:04d}_00'
    for change, message in ((dict(object_id='77'), 'object 77 has no points'),
                            (dict(object_id='2',
                                  scene_id=last), 'object 2 has no points'),
                            (dict(scene_id='other'), "'other' is not in")):
        changed = [{**rows[0], **change}, rows[1]]
        (root / 'truth.json').write_text(json.dumps(changed))
        with pytest.raises(AnnotationError, match=message):
            run(root, [{**predictions[0], **change}, predictions[1]])


def test_f1_at_the_threshold_and_of_flat_boxes():
    true = np.array([[[0., 0, 0], [2, 1, 1]]])
    half = np.array([[[0., 0, 0], [1, 1, 1]]])
    for inclusive, expected in ((True, 100.), (False, 0.)):
        scores = BoxF1((0.5, ), inclusive)
        scores.add(half, true, ['st'])
        assert scores.summary()['st']['F1@0.5'] == expected
    flat = np.zeros((1, 2, 3))
    scores = BoxF1()
    scores.add(flat, flat, [])
    assert scores.summary()['overall'] == {
        'count': 1,
        'F1@0.25': 0.,
        'F1@0.5': 0.
    }
