"""The files of LESS: scans and sentences about them."""
from __future__ import annotations
import contextlib
import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from plyfile import PlyData, PlyElement
from scan_data import load_converter, make_row, write_scans

from mmlangseg.less.datasets import ScanReferDataset, read_annotations
from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.scans.frame import read_alignment
from mmlangseg.less.scans.reader import read_scan
from .harness import Kind

SCENE = 'scene0000_00'
RAW = f'scans/{SCENE}/{SCENE}'
VERTICES = 48


def _vertices() -> np.ndarray:
    rng = np.random.default_rng(0)
    types = dict(x='f4', y='f4', z='f4', red='u1', green='u1', blue='u1')
    vertices = np.zeros(VERTICES, list(types.items()))
    for name in 'xyz':
        vertices[name] = rng.uniform(0, 3, VERTICES)
    for name in ('red', 'green', 'blue'):
        vertices[name] = rng.integers(0, 256, VERTICES)
    return vertices


def _write_ply(path: Path, text: bool, label: bool = False) -> None:
    vertices = _vertices()
    if label:
        labelled = np.zeros(VERTICES, vertices.dtype.descr + [('label', 'i4')])
        for name in vertices.dtype.names:
            labelled[name] = vertices[name]
        labelled['label'] = np.arange(VERTICES) % 4
        vertices = labelled
    faces = np.zeros(10, [('vertex_indices', 'i4', (3, ))])
    faces['vertex_indices'] = np.arange(30).reshape(10, 3)
    PlyData([
        PlyElement.describe(vertices, 'vertex'),
        PlyElement.describe(faces, 'face')
    ],
            text=text).write(path)


def make_scannet(folder: Path) -> None:
    """A raw scan of ten segments and three objects."""
    raw = folder / RAW
    raw.parent.mkdir(parents=True)
    _write_ply(Path(f'{raw}_vh_clean_2.ply'), text=False)
    segments = dict(
        sceneId=SCENE, segIndices=(np.arange(VERTICES) // 5 * 3).tolist())
    Path(f'{raw}_vh_clean_2.0.010000.segs.json').write_text(
        json.dumps(segments))
    groups = [
        dict(id=i, objectId=i, segments=[6 * i, 6 * i + 3], label=label)
        for i, label in enumerate(('chair', 'office chair', 'table'))
    ]
    Path(f'{raw}.aggregation.json').write_text(
        json.dumps(dict(sceneId=SCENE, segGroups=groups)))
    matrix = '0 -1 0 1.5 1 0 0 -2.5 0 0 1 0.25 0 0 0 1'
    Path(f'{raw}.txt').write_text(
        f'axisAlignment = {matrix}\ncolorHeight = 968\nsceneType = Office\n')
    meta = folder / 'meta_data'
    meta.mkdir()
    (meta / 'scannetv2_train.txt').write_text(f'{SCENE}\n')
    write_label_table(meta)


def write_label_table(meta: Path) -> None:
    """ScanNet's table of labels, of which a few columns are read."""
    rows = [('id', 'raw_category', 'category', 'nyu40id', 'nyu40class'),
            ('1', 'chair', 'chair', '5', 'chair'),
            ('2', 'office chair', 'office chair', '5', 'chair'),
            ('3', 'table', 'table', '7', 'table'),
            ('4', 'lamp', 'lamp', '35', 'lamp')]
    (meta / 'scannetv2-labels.combined.tsv').write_text(''.join(
        '\t'.join(row) + '\n' for row in rows))


def read_scannet(folder: Path) -> dict:
    """What the converter and the reader of its files make of raw scans."""
    out = folder / 'out'
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        failed = load_converter('scannet').main([
            str(folder), '--out',
            str(out), '--splits', 'train', '--workers', '1'
        ])
    if failed:
        raise ValueError(stderr.getvalue())
    path = out / 'scannet_infos_train.pkl'
    return {
        scan: _read_processed(info)
        for scan, info in scan_files.read_infos(path, out).items()
    }


def _read_processed(info: scan_files.ScanInfo) -> dict:
    points = scan_files.read_points(info.points_path)
    return dict(
        points=points,
        instances=scan_files.read_instances(info.instances_path, len(points)),
        matrix=info.axis_align_matrix)


def check_scannet(result: dict) -> str | None:
    """Rotations, ids and finite points of the right number."""
    for scan in result.values():
        rotation = scan['matrix'][:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
            return f'the alignment is no rotation: {rotation.tolist()}'
        if scan['instances'].min() < 0:
            return f'object ids below 0: {scan["instances"].min() - 1}'
        fault = check_points(scan['points'])
        if fault:
            return fault
    return None


def check_points(points: np.ndarray) -> str | None:
    """Finite coordinates and colors from 0 to 255."""
    if points.ndim != 2 or points.shape[1] != 6 or not len(points):
        return f'points have the shape {points.shape}'
    if not np.isfinite(points).all():
        return 'points are not finite'
    if points[:, 3:].min() < 0 or points[:, 3:].max() > 255:
        return f'colors go from {points[:, 3:].min()} to {points.max()}'
    return None


def _own_scans(folder: Path) -> dict:
    own_scans = load_converter('own_scans')
    out = folder / 'out'
    faults = own_scans.convert(
        own_scans.parse_args([str(folder / 'mine'),
                              str(out)]))
    if faults:
        raise ValueError('\n'.join(faults))
    return {
        split: [
            read_annotations(out / f'annotations/{split}.json'), {
                scan: _read_processed(info)
                for scan, info in scan_files.read_infos(
                    out / f'infos_{split}.pkl', out).items()
            }
        ]
        for split in ('train', 'val')
    }


def make_own_scans(folder: Path) -> None:
    """A folder of two PLY files and sentences."""
    mine = folder / 'mine'
    mine.mkdir()
    rows = []
    for scene in ('a', 'b'):
        _write_ply(mine / f'{scene}.ply', text=False, label=True)
        rows += [make_row(scene, i + 1, i, kind='colour') for i in range(2)]
    (mine / 'referring.json').write_text(json.dumps(rows))
    (mine / 'train.txt').write_text('a\n')
    (mine / 'val.txt').write_text('b\n')


def _check_own_scans(result: dict) -> str | None:
    for _, scans in result.values():
        fault = check_scannet(scans)
        if fault:
            return fault
    return None


def _make_processed(folder: Path) -> None:
    write_scans(folder, num_scenes=2, num_sentences=2)


def _read_processed_set(folder: Path) -> list:
    dataset = ScanReferDataset('train.json', 'infos_train.pkl', str(folder))
    dataset.test_mode = True
    return [_without_paths(dataset[i]) for i in range(len(dataset))]


def _without_paths(sample: dict) -> dict:
    return {key: value for key, value in sample.items() if 'path' not in key}


def _check_processed_set(result: list) -> str | None:
    for sample in result:
        matrix = sample['axis_align_matrix']
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            return f'the alignment is {matrix.tolist()}'
        fault = check_points(sample['points'])
        if fault:
            return fault
    return None


def _make_sentences(folder: Path) -> None:
    """Processed scans, and sentences in the formats of three data sets."""
    write_scans(folder, num_scenes=2, num_sentences=1, split='val')
    (folder / 'infos_val.pkl').rename(folder / 'scannet_infos_val.pkl')
    (folder / 'meta_data').mkdir()
    write_label_table(folder / 'meta_data')
    rows = [
        make_row(f'scene000{i}_00', j, j) for i in range(2) for j in range(3)
    ]
    (folder / 'scanrefer_val.json').write_text(json.dumps(rows))
    (folder / 'multi3drefer_val.json').write_text(
        json.dumps([
            dict(
                scene_id=row['scene_id'],
                object_ids=[0, 1][:i % 3],
                object_name='chair',
                ann_id=row['ann_id'],
                eval_type=('zt_wo_d', 'st_w_d', 'mt')[i % 3],
                description=row['description']) for i, row in enumerate(rows)
        ]))
    with open(folder / 'nr3d.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(
            ('assignmentid', 'stimulus_id', 'utterance', 'instance_type',
             'scan_id', 'target_id', 'tokens', 'mentions_target_class'))
        for i, row in enumerate(rows):
            writer.writerow(
                (i, f'{row["scene_id"]}-chair-3-{row["object_id"]}-1-2',
                 row['description'], 'office chair', row['scene_id'],
                 row['object_id'], str(row['token']), True))


def _sentences(source: str):

    def read(folder: Path) -> Any:
        scanrefer = load_converter('scanrefer')
        out = folder / 'out.json'
        scanrefer.convert(
            scanrefer.parse_args([
                str(folder / source),
                str(folder), '--split', 'val', '--out',
                str(out)
            ]))
        return read_annotations(out)

    return read


def _check_sentences(result: Any) -> str | None:
    for row in result[1]:
        if not set(row['object_ids']) <= {0, 1, 2}:
            return f'objects that are not there: {row["object_ids"]}'
        if not row['scene_id'].startswith('scene000'):
            return f'no such scene: {row["scene_id"]}'
    return None


def _write_scan(name: str):

    def make(folder: Path) -> None:
        vertices = _vertices()
        points = np.stack([vertices[n] for n in vertices.dtype.names],
                          1).astype(np.float32)
        path = folder / name
        if path.suffix == '.ply':
            _write_ply(path, text='ascii' in name)
        elif path.suffix == '.npy':
            np.save(path, points)
        elif path.suffix == '.npz':
            np.savez(path, xyz=points[:, :3], rgb=points[:, 3:].astype('u1'))
        elif path.suffix == '.bin':
            path.write_bytes(points.tobytes())
        else:
            path.write_bytes(_pcd(points, name.split('.')[0]))

    return make


def _pcd(points: np.ndarray, kind: str) -> bytes:
    header = ('# .PCD v0.7\nVERSION 0.7\nFIELDS x y z r g b\n'
              'SIZE 4 4 4 4 4 4\nTYPE F F F F F F\nCOUNT 1 1 1 1 1 1\n'
              f'WIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n'
              f'POINTS {len(points)}\nDATA {kind}\n').encode()
    if kind == 'ascii':
        return header + ''.join(' '.join(f'{v:.6g}' for v in row) + '\n'
                                for row in points).encode()
    body = points.tobytes()
    if kind == 'binary_compressed':
        plain = points.T.tobytes()  # field by field
        packed = b''.join(
            bytes([len(plain[i:i + 32]) - 1]) + plain[i:i + 32]
            for i in range(0, len(plain), 32))
        body = np.array([len(packed), len(plain)], '<u4').tobytes() + packed
    return header + body


def _scan(name: str, form: str, title: str) -> Kind:
    return Kind(
        title,
        form,
        _write_scan(name),
        name,
        lambda folder: read_scan(folder / name),
        check_points,
        cut_is_seen=not name.endswith('.bin'))


def _raw(suffix: str, form: str, title: str, **more) -> Kind:
    return Kind(title, form, make_scannet, suffix, read_scannet, check_scannet,
                **more)


def _write_alignment(folder: Path) -> None:
    (folder /
     'room.txt').write_text('0 -1 0 1.5\n1 0 0 -2.5\n0 0 1 0.25\n0 0 0 1\n')


SCAN_KINDS = (
    _raw(f'{RAW}.aggregation.json', 'json', 'ScanNet aggregation.json'),
    _raw(f'{RAW}_vh_clean_2.0.010000.segs.json', 'json', 'ScanNet segs.json'),
    _raw(f'{RAW}.txt', 'lines', 'ScanNet <scene>.txt', cut_is_seen=False),
    _raw(f'{RAW}_vh_clean_2.ply', 'bytes', 'ScanNet mesh .ply'),
    _raw(
        'meta_data/scannetv2_train.txt',
        'lines',
        'ScanNet split list',
        names=('scannetv2_train', f'scans{os.sep}'),
        cut_is_seen=False),
    _raw(
        'meta_data/scannetv2-labels.combined.tsv',
        'lines',
        'ScanNet label table',
        cut_is_seen=False),
    Kind('info file of scans', 'pickle', _make_processed, 'infos_train.pkl',
         _read_processed_set, _check_processed_set),
    Kind(
        'processed points .bin',
        'bytes',
        _make_processed,
        'points/scene0000_00.bin',
        _read_processed_set,
        lambda result: None,
        cut_is_seen=False),
    Kind('instance mask .bin', 'bytes', _make_processed,
         'instance_mask/scene0000_00.bin', _read_processed_set),
    Kind('annotations of scans', 'json', _make_processed, 'train.json',
         _read_processed_set, _check_processed_set),
    Kind('ScanRefer JSON', 'json', _make_sentences, 'scanrefer_val.json',
         _sentences('scanrefer_val.json'), _check_sentences),
    Kind('Multi3DRefer JSON', 'json', _make_sentences, 'multi3drefer_val.json',
         _sentences('multi3drefer_val.json'), _check_sentences),
    Kind(
        'Nr3D, Sr3D CSV',
        'lines',
        _make_sentences,
        'nr3d.csv',
        _sentences('nr3d.csv'),
        _check_sentences,
        cut_is_seen=False),
    Kind('own scans: referring.json', 'json', make_own_scans,
         'mine/referring.json', _own_scans, _check_own_scans),
    Kind(
        'own scans: split list',
        'lines',
        make_own_scans,
        'mine/train.txt',
        _own_scans,
        _check_own_scans,
        cut_is_seen=False),
    Kind('own scans: .ply', 'bytes', make_own_scans, 'mine/a.ply', _own_scans,
         _check_own_scans),
    _scan('ascii.ply', 'lines', 'PLY, ascii'),
    _scan('binary.ply', 'bytes', 'PLY, binary'),
    _scan('ascii.pcd', 'lines', 'PCD, ascii'),
    _scan('binary.pcd', 'bytes', 'PCD, binary'),
    _scan('binary_compressed.pcd', 'bytes', 'PCD, compressed'),
    _scan('scan.npy', 'npy', 'scan .npy'),
    _scan('scan.npz', 'npz', 'scan .npz'),
    _scan('scan.bin', 'bytes', 'scan .bin'),
    Kind(
        'alignment',
        'lines',
        _write_alignment,
        'room.txt',
        lambda folder: read_alignment(folder / 'room.txt'),
        lambda m: None
        if np.allclose(m[:3, :3] @ m[:3, :3].T, np.eye(3), atol=1e-2) else
        f'no rotation: {m.tolist()}',
        cut_is_seen=False),
)
