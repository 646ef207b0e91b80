"""What is exported can be read back, and is the same."""
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import refer_data
import scan_data
from PIL import Image
from plyfile import PlyData
from pycocotools.coco import COCO

from mmlangseg.apis import read_scan
from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.visualization.point_colors import highlight

TOOL = Path(__file__).resolve().parents[2] / 'tools/export_predictions.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('export_predictions', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def images(tmp_path):
    """Two predictions of RefCOCO's layout, and the options that name it."""
    refs = refer_data.write_refer(tmp_path)
    sentences = [(ref, s) for ref in refs if ref['split'] == 'val'
                 for s in ref['sentences']][:2]
    rng = np.random.default_rng(0)
    masks = rng.random((2, refer_data.HEIGHT, refer_data.WIDTH)) < 0.3
    path = tmp_path / 'p.npz'
    np.savez(path, masks=masks, sent_id=[s['sent_id'] for _, s in sentences])
    options = ['--folder', str(tmp_path / 'refcoco'), '--split', 'val']
    return path, options, sentences, masks


def test_coco(tool, images, tmp_path):
    path, options, sentences, masks = images
    out = tmp_path / 'out.json'
    assert tool.main(['coco', str(path), str(out), *options]) == 0
    coco = COCO(out)
    rows = coco.loadAnns(coco.getAnnIds())
    assert len(rows) == 2
    for row, mask, (ref, sentence) in zip(rows, masks, sentences):
        assert np.array_equal(coco.annToMask(row), mask)
        assert row['area'] == mask.sum()
        left, top, width, height = row['bbox']
        ys, xs = np.nonzero(mask)
        assert (left, top) == (xs.min(), ys.min())
        assert (width, height) == (np.ptp(xs) + 1, np.ptp(ys) + 1)
        assert row['caption'] == sentence['sent']
        assert row['image_id'] == ref['image_id']


def test_mmseg(tool, images, tmp_path):
    path, options, sentences, masks = images
    out = tmp_path / 'out'
    assert tool.main(['mmseg', str(path), str(out), *options]) == 0
    lines = (out / 'train.txt').read_text().splitlines()
    for line, mask, (_, sentence) in zip(lines, masks, sentences):
        image, label, text = line.split('\t')
        assert (tmp_path / refer_data.IMAGES / image).is_file()
        assert np.array_equal(np.array(Image.open(out / label)), mask)
        assert text == sentence['sent']


def test_what_says_that_nothing_is_meant(tool, images, tmp_path):
    """Whatever its mask shows, as when it is scored."""
    _, options, sentences, masks = images
    path, out = tmp_path / 'p.jsonl', tmp_path / 'out'
    path.write_text('\n'.join(
        json.dumps(
            dict(
                sent_id=sentence['sent_id'],
                mask=mask.astype(int).tolist(),
                no_target=bool(number)))
        for number, (mask, (_, sentence)) in enumerate(zip(masks, sentences))))
    assert tool.main(['mmseg', str(path), str(out), *options]) == 0
    labels = [
        np.array(Image.open(out / line.split('\t')[1]))
        for line in (out / 'train.txt').read_text().splitlines()
    ]
    assert np.array_equal(labels[0], masks[0]) and not labels[1].any()
    out = tmp_path / 'out.json'
    assert tool.main(['coco', str(path), str(out), *options]) == 0
    one, other = json.loads(out.read_text())['annotations']
    assert one['area'] == masks[0].sum() and other['area'] == 0


@pytest.mark.parametrize('form', ['ply', 'glb'])
def test_scans(tool, tmp_path, form):
    if form == 'glb':
        pytest.importorskip('trimesh')
    scan_data.write_scans(tmp_path, 2)
    rows = [
        dict(scene_id=f'scene000{i}_00', ann_id=5, point_indices=[0, i + 2])
        for i in range(2)
    ]
    path = tmp_path / 'p.json'
    path.write_text(json.dumps(rows))
    args = ['--data-root', str(tmp_path), '--info-file', 'infos_train.pkl']
    out = tmp_path / 'out'
    assert tool.main([form, str(path), str(out), *args]) == 0
    infos = scan_files.read_infos(tmp_path / 'infos_train.pkl', tmp_path)
    for row in rows:
        points = scan_files.read_points(infos[row['scene_id']].points_path)
        mask = np.zeros(len(points), bool)
        mask[row['point_indices']] = True
        points[:, 3:] = highlight(points[:, 3:], mask)
        found = read_scan(out / f'{row["scene_id"]}_5.{form}')
        assert np.allclose(found, points, atol=1e-5)
        if form == 'ply':
            vertices = PlyData.read(out / f'{row["scene_id"]}_5.ply')['vertex']
            assert np.array_equal(vertices['referred'], mask)


def test_ids_as_numpy_has_them(tool, tmp_path):
    """Bytes and floats are the ids that they are to the evaluation."""
    scan_data.write_scans(tmp_path, 1)
    path = tmp_path / 'p.npz'
    np.savez(
        path,
        scene_id=np.array([b'scene0000_00'] * 2),
        ann_id=np.array([0., 12.]),
        indices=np.arange(4),
        offsets=[0, 2, 4])
    args = ['--data-root', str(tmp_path), '--info-file', 'infos_train.pkl']
    assert tool.main(['ply', str(path), str(tmp_path / 'out'), *args]) == 0
    assert sorted(each.name for each in (tmp_path / 'out').iterdir()) == [
        'scene0000_00_0.ply', 'scene0000_00_12.ply'
    ]


def test_errors(tool, images, tmp_path, capsys):
    path, options, *_ = images
    out = str(tmp_path / 'out')
    with pytest.raises(SystemExit):
        tool.main(['coco', str(path), out])
    assert 'coco needs --folder' in capsys.readouterr().err
    options[-1] = 'train'
    assert tool.main(['coco', str(path), out, *options]) == 1
    assert 'Are these the predictions of another split' in capsys.readouterr(
    ).err
    scan_data.write_scans(tmp_path, 1)
    path = tmp_path / 'p.json'
    path.write_text('[{"scene_id": "x", "point_indices": []}]')
    args = ['--data-root', str(tmp_path), '--info-file', 'infos_train.pkl']
    assert tool.main(['ply', str(path), out, *args]) == 1
    assert "scene 'x' is not in" in capsys.readouterr().err
    # ann_id of ScanRefer starts anew with each object
    rows = [dict(scene_id='scene0000_00', ann_id=0) for _ in range(2)]
    for i, row in enumerate(rows):
        row.update(object_id=i, point_indices=[i])
    path.write_text(json.dumps(rows))
    assert tool.main(['ply', str(path), out, *args]) == 0
    assert len(list((tmp_path / 'out').iterdir())) == 2
    for row in rows:
        del row['object_id']
    path.write_text(json.dumps(rows))
    capsys.readouterr()
    assert tool.main(['ply', str(path), out, *args]) == 1
    assert 'row 1: ' in (error := capsys.readouterr().err)
    assert 'scene0000_00_0.ply is that of a prediction before' in error
