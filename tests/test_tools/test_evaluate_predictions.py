"""Every benchmark's table, from the command line."""
import importlib.util
import json
from pathlib import Path

import benchmark_trees
import numpy as np
import pytest
import refer_data
import scan_data

from mmlangseg.less.datasets.annotations import write_annotations
from mmlangseg.less.scans import files as scan_files

TOOL = Path(__file__).resolve().parents[2] / 'tools/evaluate_predictions.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('evaluate_predictions', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tool, capsys, tmp_path):
    """Run the tool; gives its status, what it prints, and its JSON."""

    def run(*args):
        out = tmp_path / 'scores.json'
        status = tool.main([*map(str, args), '--out', str(out)])
        captured = capsys.readouterr()
        content = json.loads(out.read_text()) if out.exists() else None
        return status, captured.out + captured.err, content

    return run


def write_scans(root, groups):
    """A scan, and one sentence of each group about object 0."""
    scan_data.write_scans(root, 1)
    (root / 'infos_train.pkl').rename(root / 'scannet_infos_val.pkl')
    rows = []
    for i, group in enumerate(groups):
        row = scan_data.make_row('scene0000_00', 0, i, groups=[group])
        del row['object_id']
        rows.append(
            dict(row, object_ids=[] if group.startswith('zt') else [0]))
    for name in ('scanrefer', 'multi3drefer', 'nr3d'):
        write_annotations(root / f'annotations/{name}_val.json', {}, rows)
    return np.flatnonzero(np.arange(scan_data.NUM_POINTS) % 4 == 1).tolist()


def predict(path, masks, key='point_indices'):
    path.write_text(
        json.dumps([{
            'scene_id': 'scene0000_00',
            'ann_id': i,
            key: mask
        } for i, mask in enumerate(masks)]))
    return path


def test_own_scans(run, tmp_path):
    """The files are found by the names that own_scans.py gives them."""
    scene, = scan_data.write_scans(tmp_path, 1)
    write_annotations(tmp_path / 'annotations/train.json', {},
                      [scan_data.make_row(scene, 0, 0, object_ids=[0])])
    target = np.arange(scan_data.NUM_POINTS) % 4 == 1
    path = predict(tmp_path / 'p.json', [np.flatnonzero(target).tolist()])
    status, text, content = run('own_scans', path, '--data-root', tmp_path,
                                '--split', 'train')
    assert status == 0, text
    assert content['scores']['overall']['mIoU'] == 100


def test_scanrefer(run, tmp_path):
    target = write_scans(tmp_path, ['unique', 'multiple', 'multiple'])
    # half of the points: the IoU is 0.5 only up to rounding of 15
    half = target + [p + 1 for p in target]
    path = predict(tmp_path / 'p.json', [target, half, []])
    status, text, content = run('scanrefer', path, '--data-root', tmp_path)
    assert status == 0
    assert content['scores']['overall'] == {
        'count': 3,
        'mIoU': 50.,
        'Acc@0.25': pytest.approx(200 / 3),
        'Acc@0.5': pytest.approx(100 / 3),
        'oIoU': pytest.approx(100 * 30 / 60)
    }
    assert content['scores']['unique']['mIoU'] == 100
    assert content['scores']['multiple']['mIoU'] == 25
    assert content['protocol'] == dict(
        image_size='scans, no images',
        resize_rule='none, masks are of the points of the scan',
        background_rule='as predicted; no target: fewer than 1 points',
        compared_at='all points of the scan',
        iou_rule='IoU > threshold (strict)')
    assert 'iou rule: IoU > threshold (strict)' in text
    assert 'image size: scans, no images' in text
    _, text, content = run('scanrefer', path, '--data-root', tmp_path,
                           '--inclusive', '--background-rule', 'sigmoid 0.4')
    assert content['scores']['overall']['Acc@0.5'] == pytest.approx(200 / 3)
    assert 'background rule: sigmoid 0.4' in text
    assert 'IoU >= threshold' in text


def test_multi3drefer(run, tmp_path):
    target = write_scans(tmp_path, ['zt_w_d', 'zt_wo_d', 'st_w_d'])
    path = predict(tmp_path / 'p.json', [target, [], target])
    _, text, content = run('multi3drefer', path, '--data-root', tmp_path)
    # 15 points are fewer than 50, MDIN's limit
    assert content['scores']['zt_w_d']['mIoU'] == 100
    assert content['scores']['zero_target']['Acc'] == 100
    assert 'fewer than 50 points' in text
    _, _, content = run('multi3drefer', path, '--data-root', tmp_path,
                        '--min-points', 1)
    assert content['scores']['zt_w_d']['mIoU'] == 0

    info = scan_files.read_infos(tmp_path / 'scannet_infos_val.pkl', tmp_path)
    points = scan_files.read_points(info['scene0000_00'].points_path)
    points = points[target, :3].astype(float)
    matrix = info['scene0000_00'].axis_align_matrix
    points = points @ matrix[:3, :3].T + matrix[:3, 3]
    box = [*points.min(0), *points.max(0)]
    path = predict(tmp_path / 'p.json', [[], [box], [box, box]], 'boxes')
    _, text, content = run('m3dref_boxes', path, '--data-root', tmp_path)
    scores = content['scores']
    assert scores['zt_w_d']['F1@0.5'] == 100
    assert scores['zt_wo_d']['F1@0.5'] == 0
    assert scores['st_w_d']['F1@0.5'] == pytest.approx(200 / 3)
    assert 'matched one to one' in text and 'IoU >= threshold' in text


def test_groups_of_another_benchmark(run, tmp_path):
    target = write_scans(tmp_path, ['unique'])
    path = predict(tmp_path / 'p.json', [target])
    status, text, _ = run('nr3d', path, '--data-root', tmp_path)
    assert status == 1
    assert 'nr3d_val.json has none of the groups easy, hard, view_dep' in text


@pytest.mark.parametrize('benchmark', ['refcoco', 'grefcoco'])
def test_images(run, tmp_path, benchmark):
    refs = refer_data.write_refer(tmp_path)
    rows = [
        dict(sent_id=s['sent_id'], mask=[]) for ref in refs
        if ref['split'] == 'testA' for s in ref['sentences']
    ]
    path = tmp_path / 'p.jsonl'
    path.write_text('\n'.join(map(json.dumps, rows)))
    status, text, content = run(benchmark, path, '--folder',
                                tmp_path / 'refcoco', '--split', 'testA',
                                '--image-size', '480 x 480')
    assert status == 0 and 'image size: 480 x 480' in text
    assert 'compared at: the original size of the images' in text
    scores = content['scores']
    if benchmark == 'grefcoco':
        assert list(scores) == [
            'count', 'gIoU', 'cIoU', 'Pr@0.7', 'Pr@0.8', 'Pr@0.9', 'T_acc'
        ]
        assert scores['T_acc'] == 0
    else:
        assert list(scores['overall']) == [
            'count', 'mIoU', 'P@0.5', 'P@0.6', 'P@0.7', 'P@0.8', 'P@0.9',
            'oIoU'
        ]
    path.write_text('\n'.join(map(json.dumps, rows[1:])))
    status, text, _ = run(benchmark, path, '--folder', tmp_path / 'refcoco',
                          '--split', 'testA')
    assert status == 1 and text.startswith('error: ')
    assert '1 of the 6 annotations' in text


def test_labels(run, tmp_path):
    root = benchmark_trees.write_tree(tmp_path, 'pc459')
    ids = benchmark_trees.ids_of('pc459')
    ids[24:] = 0
    path = tmp_path / 'p.npz'
    np.savez(path, a=ids, b=ids[::-1])
    status, text, content = run('pc459', path, '--data-root', root,
                                '--resize-rule', 'logits, bilinear')
    assert status == 0
    assert content['scores'] == dict(aAcc=100., mIoU=100., mAcc=100.)
    assert 'iou rule: no threshold' in text
    assert 'resize rule: logits, bilinear' in text
    assert 'background rule: not stated' in text


def test_label_maps_that_are_not_there(run, tmp_path):
    for root, missing in ((tmp_path / 'none', tmp_path / 'none'),
                          (tmp_path, tmp_path / 'ImageSets')):
        status, text, _ = run('voc21', tmp_path, '--data-root', root)
        assert status == 1
        assert text.startswith(f'error: {missing}')
        assert text.endswith('label maps of voc21 by --data-root\n')


@pytest.mark.parametrize('args, message', [
    (['scanrefer', 'nowhere.json'], 'nowhere.json does not exist'),
    (['refcoco', '.'], 'needs --folder'),
    (['scanrefer', '.', '--min-points', '0'], 'must be at least 1'),
    (['voc', '.'], 'invalid choice'),
    (['voc21', '.', '--strict', '--inclusive'], 'not allowed with'),
])
def test_wrong_arguments(tool, capsys, args, message):
    with pytest.raises(SystemExit):
        tool.main(args)
    assert message in capsys.readouterr().err
