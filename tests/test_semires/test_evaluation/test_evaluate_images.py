"""Scores of predictions on images, against the formulas written naively."""
import json

import numpy as np
import pytest
import refer_data
from pycocotools import mask as mask_utils

from mmlangseg.evaluation import PredictionError, ReferringSums
from mmlangseg.io.annotations import AnnotationError
from mmlangseg.semires.evaluation import GeneralizedSums, evaluate_image_masks

HEIGHT, WIDTH = refer_data.HEIGHT, refer_data.WIDTH


def write_truth(root, count):
    """gRefCOCO's file; every fourth ref means nothing, every fifth two."""
    refs = [
        refer_data.make_ref(i, 100 + i % 7, 'val')
        for i in range(1, count + 1)
    ]
    instances = refer_data.make_instances(refs)
    for ref in refs:
        others = [r for r in refs if r['image_id'] == ref['image_id']]
        ref['ann_id'] = [ref['ref_id']]
        if ref['ref_id'] % 4 == 0:
            ref.update(ann_id=[-1], no_target=True)
        elif ref['ref_id'] % 5 == 0:
            ref['ann_id'].append(others[0]['ref_id'])
    folder = root / 'grefcoco'
    folder.mkdir()
    (folder / 'grefs(unc).json').write_text(json.dumps(refs))
    refer_data.write_instances(root, instances, 'grefcoco')
    segmentations = {
        row['id']: row['segmentation']
        for row in instances['annotations']
    }
    targets = []
    for ref in refs:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        for i in ref['ann_id'] if not ref.get('no_target') else ():
            codes = mask_utils.frPyObjects(segmentations[i], HEIGHT, WIDTH)
            mask |= mask_utils.decode(codes).any(-1)
        targets += [mask] * len(ref['sentences'])
    sentences = [
        dict(sent_id=s['sent_id'], no_target=bool(ref.get('no_target')))
        for ref in refs for s in ref['sentences']
    ]
    return folder, sentences, targets


def make_predictions(sentences, targets, rng):
    rows, masks, said = [], [], []
    for sentence, target in zip(sentences, targets):
        flip = rng.random(target.shape) < rng.choice([0, .02, .3])
        mask = (target ^ flip) & (rng.random() < 0.85)
        code = mask_utils.encode(np.asfortranarray(mask, np.uint8))
        row = dict(
            sent_id=str(sentence['sent_id']),
            segmentation=dict(
                size=[HEIGHT, WIDTH], counts=code['counts'].decode()))
        if rng.random() < 0.3:
            row['no_target'] = bool(rng.random() < 0.5)
        rows.append(row)
        masks.append(mask)
        said.append(row.get('no_target', mask.sum() < 10))
    return rows, np.array(masks), np.array(said)


def naive_grefcoco(masks, targets, said):
    """The evaluation of GRES, one expression after the other."""
    ious, inters, unions, hits = [], 0, 0, {.7: [], .8: [], .9: []}
    recognized, kept = [], []
    for mask, target, none in zip(masks, targets, said):
        inter, union = (mask & target).sum(), (mask | target).sum()
        if not target.any():
            recognized.append(none)
            ious.append(float(none))
            unions += 0 if none else union
            continue
        kept.append(not none)
        if none:
            inter = 0
        ious.append(inter / union)
        inters, unions = inters + inter, unions + union
        for t in hits:
            hits[t].append(inter / union >= t)
    scores = dict(count=len(ious), gIoU=np.mean(ious), cIoU=inters / unions)
    scores.update({f'Pr@{t}': np.mean(values) for t, values in hits.items()})
    scores.update(T_acc=np.mean(kept), N_acc=np.mean(recognized))
    return scores


def test_grefcoco_of_random_predictions(tmp_path):
    rng = np.random.default_rng(0)
    folder, sentences, targets = write_truth(tmp_path, 334)
    assert len(sentences) == 1002
    rows, masks, said = make_predictions(sentences, targets, rng)
    path = tmp_path / 'p.json'
    path.write_text(json.dumps([rows[i] for i in rng.permutation(1002)]))
    found = evaluate_image_masks(
        path, folder, 'val', 'unc', GeneralizedSums(), min_pixels=10)
    expected = naive_grefcoco(masks, targets, said)
    assert found.pop('count') == expected.pop('count')
    assert found == {
        name: pytest.approx(100 * value)
        for name, value in expected.items()
    }

    path.write_text('\n'.join(map(json.dumps, rows)))
    found = evaluate_image_masks(path, folder, 'val', 'unc',
                                 ReferringSums((.5, .9), True, 'P'))
    empty = ~np.any(targets, (1, 2))
    # what a prediction says comes before what its mask shows
    none = np.array([
        row.get('no_target', not mask.any()) for row, mask in zip(rows, masks)
    ])
    assert (none & masks.any((1, 2)) & empty).sum() > 9
    masks &= ~none[:, None, None]
    inter = (masks & targets).sum((1, 2))
    union = (masks | targets).sum((1, 2))
    right = empty & none
    ious = np.where(empty, right, inter / np.maximum(union, 1))
    overall = found['overall']
    assert overall['mIoU'] == pytest.approx(100 * ious.mean())
    assert overall['oIoU'] == pytest.approx(100 * inter.sum() / union.sum())
    assert overall['P@0.5'] == pytest.approx(100 * (ious >= .5).mean())
    assert overall['P@0.9'] == pytest.approx(100 * (ious >= .9).mean())
    assert found['zero_target']['Acc'] == pytest.approx(100 *
                                                        right[empty].mean())


def test_edge_cases_of_grefcoco():
    sums = GeneralizedSums((0.5, ))
    sums.add(0, 0, 0, False, True)  # nothing meant, nothing said
    assert sums.summary() == dict(count=1, gIoU=100., cIoU=100., N_acc=100.)
    sums.add(0, 4, 0, False, True)  # said, beside a mask
    sums.add(0, 4, 0, False, False)
    assert sums.summary() == dict(
        count=3,
        gIoU=pytest.approx(200 / 3),
        cIoU=0.,
        N_acc=pytest.approx(200 / 3))
    sums = GeneralizedSums((0.5, ))
    sums.add(2, 2, 4, True, False)  # IoU is the threshold
    assert sums.summary()['Pr@0.5'] == 100
    sums.add(2, 2, 4, True, True)  # taken for nothing: the union stays
    assert sums.summary() == {
        'count': 2,
        'gIoU': 25.,
        'cIoU': 25.,
        'Pr@0.5': 50.,
        'T_acc': 50.
    }
    strict = GeneralizedSums((0.5, ), inclusive=False)
    strict.add(2, 2, 4, True, False)
    assert strict.summary()['Pr@0.5'] == 0


@pytest.fixture
def refcoco(tmp_path):
    refs = refer_data.write_refer(tmp_path)
    rows = [
        dict(sent_id=s['sent_id'], mask=[]) for ref in refs
        if ref['split'] == 'val' for s in ref['sentences']
    ]
    path = tmp_path / 'p.json'

    def run(rows):
        path.write_text(json.dumps(rows))
        return evaluate_image_masks(path, tmp_path / 'refcoco', 'val', 'unc',
                                    ReferringSums((.5, ), True, 'P'))

    run.rows, run.root, run.refs = rows, tmp_path, refs
    return run


def test_ids(refcoco):
    rows = refcoco.rows
    assert refcoco(rows)['overall'] == {
        'count': 6,
        'mIoU': 0.,
        'P@0.5': 0.,
        'oIoU': 0.
    }
    for wrong, message in ((rows[:-1], '1 of the 6 annotations'),
                           (rows + rows[:1], 'row 6: there was a prediction'),
                           (rows + [dict(sent_id=1, mask=[])],
                            'sent_id 1 is not in'), ([dict(mask=[])],
                                                     'it has no "sent_id"'),
                           ([dict(rows[0], no_target='yes')],
                            '"no_target" is \'yes\'')):
        with pytest.raises(PredictionError, match=message):
            refcoco(wrong)


def test_objects_that_were_not_annotated(refcoco):
    for ref in refcoco.refs:
        ref['ann_id'] = None
    refer_data.write_refer(refcoco.root, refcoco.refs)
    with pytest.raises(AnnotationError, match='was not annotated'):
        refcoco(refcoco.rows)
