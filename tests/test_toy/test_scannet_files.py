import csv
import json

import numpy as np
import pytest
from plyfile import PlyData
from toy.less.scannet_files import read_sentences, write_toy_scannet


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    write_toy_scannet(root, num_train=2, num_val=1, seed=4)
    return root


def read(root, scene, suffix):
    path = root / 'scans' / scene / f'{scene}{suffix}'
    return json.loads(path.read_text())


def test_splits(root):
    lists = [(root / 'meta_data' / f'scannetv2_{s}.txt').read_text().split()
             for s in ('train', 'val')]
    assert lists == [['scene0000_00', 'scene0001_00'], ['scene0002_00']]
    for split, scenes in zip(('train', 'val'), lists):
        rows = json.loads(
            (root / f'ScanRefer_filtered_{split}.json').read_text())
        assert {row['scene_id'] for row in rows} == set(scenes)
        keys = [(r['scene_id'], r['object_id'], r['ann_id']) for r in rows]
        assert len(keys) == len(set(keys))
        assert set(rows[0]) == {
            'scene_id', 'object_id', 'object_name', 'ann_id', 'description',
            'token', 'groups'
        }
        assert isinstance(rows[0]['object_id'], str)


def test_scan_files(root):
    scene = 'scene0001_00'
    ply = PlyData.read(
        root / 'scans' / scene / f'{scene}_vh_clean_2.ply',
        known_list_len={'face': {
            'vertex_indices': 3
        }})
    vertex = ply['vertex']
    assert [p.name for p in vertex.properties
            ] == ['x', 'y', 'z', 'red', 'green', 'blue', 'alpha']
    faces = np.asarray(ply['face']['vertex_indices'])
    assert faces.max() < vertex.count and len(faces) > vertex.count / 2
    segments = read(root, scene,
                    '_vh_clean_2.0.010000.segs.json')['segIndices']
    assert len(segments) == vertex.count
    groups = read(root, scene, '.aggregation.json')['segGroups']
    assert sorted(g['objectId'] for g in groups) == list(range(len(groups)))
    own = [s for group in groups for s in group['segments']]
    assert len(own) == len(set(own))
    assert set(own) < set(segments)  # one wall is not annotated
    with open(root / 'meta_data' / 'scannetv2-labels.combined.tsv') as file:
        table = {
            row['raw_category']: row
            for row in csv.DictReader(file, delimiter='\t')
        }
    assert {g['label'] for g in groups} <= set(table)
    assert table['wall']['nyu40id'] == '1'
    assert table['trash can']['nyu40class'] == 'otherfurniture'


def test_alignment_puts_walls_on_the_axes(root):
    scene = 'scene0000_00'
    text = (root / 'scans' / scene / f'{scene}.txt').read_text()
    line = text.splitlines()[0]
    assert line.startswith('axisAlignment = ')
    matrix = np.array(line.split('=')[1].split(), float).reshape(4, 4)
    assert not np.allclose(matrix, np.eye(4), atol=0.1)
    assert (matrix[2, :3] == [0, 0, 1]).all()  # as GlobalAlignment demands
    vertex = PlyData.read(root / 'scans' / scene /
                          f'{scene}_vh_clean_2.ply')['vertex']
    raw = np.stack([vertex[name] for name in 'xyz'], axis=1)
    aligned = raw @ matrix[:3, :3].T + matrix[:3, 3]
    extent = np.abs(aligned[:, :2]).max(axis=0)
    at_wall = np.abs(np.abs(aligned[:, :2]) - extent) < 0.03
    assert at_wall.any(axis=1).mean() > 0.1
    at_wall = np.abs(np.abs(raw[:, :2]) - np.abs(raw[:, :2]).max(0)) < 0.03
    assert at_wall.any(axis=1).mean() < 0.05


def test_rooms_do_not_depend_on_their_number(root, tmp_path):
    write_toy_scannet(tmp_path, num_train=1, num_val=0, seed=4)
    scene = 'scans/scene0000_00'
    for path in sorted((root / scene).iterdir()):
        other = tmp_path / scene / path.name
        assert path.read_bytes() == other.read_bytes(), path.name


def test_sentences(root):
    sentences = read_sentences(root / 'ScanRefer_filtered_val.json')
    assert len(sentences) > 10
    assert all(s == s.lower() for s in sentences)
