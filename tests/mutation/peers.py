"""The files of the peers and of other programs: meshes, scans of surveyors,
sentences in other forms, predictions."""
from __future__ import annotations
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from refer_data import make_instances, make_ref

from mmlangseg.evaluation import (RowIndex, image_code, point_indices,
                                  read_predictions)
from mmlangseg.less.datasets.refer_pth import read_refer_pth
from mmlangseg.less.scans.reader import read_scan
from mmlangseg.semires.datasets.refer_dialects import (read_dialects,
                                                       write_refer)
from .harness import Kind
from .scans import check_points

POINTS = 48


def _cloud() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 3, (POINTS, 3)).round(3)
    return xyz, rng.integers(0, 256, (POINTS, 3), np.uint8)


def _write_obj(path: Path) -> None:
    xyz, rgb = _cloud()
    path.write_text(''.join(
        'v {} {} {} {:.4f} {:.4f} {:.4f}\n'.format(*p, *c / 255)
        for p, c in zip(xyz, rgb)) + ''.join(f'f {i} {i + 1} {i + 2}\n'
                                             for i in range(1, POINTS, 3)))


def _write_glb(path: Path) -> None:
    import trimesh
    xyz, rgb = _cloud()
    faces = np.arange(POINTS).reshape(-1, 3)
    mesh = trimesh.Trimesh(xyz, faces, vertex_colors=rgb, process=False)
    trimesh.Scene(mesh).export(path)


def _write_las(path: Path) -> None:
    import laspy
    xyz, rgb = _cloud()
    header = laspy.LasHeader(version='1.2', point_format=2)
    header.scales = [1e-3] * 3
    las = laspy.LasData(header)
    las.x, las.y, las.z = xyz.T
    las.red, las.green, las.blue = (rgb.astype(np.uint16) * 257).T
    las.write(path)


def _write_e57(path: Path) -> None:
    import pye57
    xyz, rgb = _cloud()
    names = [f'cartesian{axis}' for axis in 'XYZ'] + \
        [f'color{color}' for color in ('Red', 'Green', 'Blue')]
    with pye57.E57(str(path), mode='w') as file:
        file.write_scan_raw(
            dict(zip(names, np.ascontiguousarray(np.vstack([xyz.T, rgb.T])))))


def _write_refer_pth(path: Path) -> None:
    xyz, rgb = _cloud()
    arrays = (xyz.astype('f4'), (rgb / 127.5 - 1).astype('f4'),
              np.arange(POINTS) // 5, np.full(POINTS, -100.),
              np.arange(POINTS) % 4 - 1)
    torch.save(tuple(map(torch.as_tensor, arrays)), path)


def _check_refer(result: Any) -> str | None:
    fault = check_points(result.points)
    if fault is None and result.instances.min() < 0:
        fault = 'objects below 0'
    return fault


def _scan(name: str, form: str, write: Callable[[Path], None], **more) -> Kind:
    return Kind(f'scan {Path(name).suffix}', form,
                lambda folder: write(folder / name), name,
                lambda folder: read_scan(folder / name), check_points, **more)


def _refs() -> tuple[list[dict], dict]:
    refs = [make_ref(i, 100 + i, 'train') for i in range(1, 4)]
    return refs, make_instances(refs)


def _write_seqtr(path: Path) -> None:
    refs, instances = _refs()
    images = {image['id']: image for image in instances['images']}
    rows = [
        dict(
            image_id=ref['image_id'],
            height=images[ref['image_id']]['height'],
            width=images[ref['image_id']]['width'],
            category_id=1,
            bbox=[0., 0., 1., 1.],
            mask=row['segmentation'],
            expressions=[s['sent'] for s in ref['sentences']])
        for ref, row in zip(refs, instances['annotations'])
    ]
    path.write_text(json.dumps(dict(train=rows)))


def _write_roboflow(path: Path) -> None:
    refs, instances = _refs()
    for ref, row in zip(refs, instances['annotations']):
        row['caption'] = ref['sentences'][0]['sent']
    path.write_text(json.dumps(instances))


def _write_parquet(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet
    refs, instances = _refs()
    images = {image['id']: image for image in instances['images']}
    masks = {row['id']: row for row in instances['annotations']}
    rows = [
        dict(
            ref,
            raw_anns=json.dumps(masks[ref['ann_id']]),
            raw_image_info=json.dumps(images[ref['image_id']])) for ref in refs
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _dialect(title: str, name: str, form: str, write: Callable[[Path], None],
             **more) -> Kind:

    def read(folder: Path) -> Any:
        refs, instances = read_dialects([(folder / name, 'train')])
        # reads back what it writes, as the program does
        write_refer(folder / 'out', refs, instances, 'unc')
        return refs, instances

    return Kind(title, form, lambda folder: write(folder / name), name, read,
                _check_dialect, ('instances.json', 'refs(unc).p'), **more)


def _check_dialect(result: Any) -> str | None:
    refs, _ = result
    if not all(sentence['sent'] for ref in refs
               for sentence in ref['sentences']):
        return 'a sentence is empty'
    return None


def _write_mdin(path: Path) -> None:
    rows = [
        dict(
            scene_id='scene0000_00',
            ann_id=i,
            pred_mask=dict(length=POINTS, counts=f'{1 + i} 5 {20 + i} 9'))
        for i in range(3)
    ]
    path.write_text(json.dumps(rows))


def _write_indices(path: Path) -> None:
    rows = [
        dict(scene_id='scene0000_00', ann_id=i, point_indices=[i, 5 + i, 40])
        for i in range(3)
    ]
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def _write_image_masks(path: Path) -> None:
    rows = [
        dict(sent_id=i, rle=dict(size=[6, 8], counts=[i, 10, 38 - i]))
        for i in range(3)
    ]
    path.write_text(json.dumps(dict(predictions=rows)))


def _predictions(title: str,
                 name: str,
                 form: str,
                 write: Callable[[Path], None],
                 images: bool = False) -> Kind:

    def read(folder: Path) -> Any:
        path, rows = folder / name, {}
        if images:
            index = RowIndex(('sent_id', ), [(i, ) for i in range(3)], path)
        else:
            index = RowIndex(('scene_id', 'ann_id'),
                             [('scene0000_00', i) for i in range(3)], path)
        for each in read_predictions(path):
            rows[index.take(each.ids, each.where)] = image_code(
                each, 6, 8) if images else point_indices(each, POINTS)
        index.finish(path)
        return rows

    def check(result: Any) -> str | None:
        for value in result.values():
            if not images and len(value) and not (0 <= value.min()
                                                  and value.max() < POINTS):
                return f'points that are not there: {value}'
        return None

    return Kind(
        title,
        form,
        lambda folder: write(folder / name),
        name,
        read,
        check,
        cut_is_seen=form != 'jsonl')


_ALL = (
    (_scan('a.obj', 'lines', _write_obj, cut_is_seen=False), ()),
    (_scan('a.glb', 'bytes', _write_glb), ('trimesh', )),
    (_scan('a.las', 'bytes', _write_las), ('laspy', )),
    (_scan('a.laz', 'bytes', _write_las), ('laspy', 'lazrs')),
    (_scan('a.e57', 'bytes', _write_e57), ('pye57', )),
    (Kind('scan _refer.pth', 'checkpoint',
          lambda folder: _write_refer_pth(folder / 'a_refer.pth'),
          'a_refer.pth', lambda folder: read_refer_pth(folder / 'a_refer.pth'),
          _check_refer), ()),
    (_dialect('SeqTR and DeRIS JSON', 'a.json', 'json', _write_seqtr), ()),
    (_dialect('Roboflow COCO JSON', 'a.json', 'json', _write_roboflow), ()),
    (_dialect('REFER as Parquet', 'a.parquet', 'bytes',
              _write_parquet), ('pyarrow', )),
    (_predictions('MDIN predictions', 'a.json', 'json', _write_mdin), ()),
    (_predictions('point indices in JSON lines', 'a.jsonl', 'jsonl',
                  _write_indices), ()),
    (_predictions('masks of images', 'a.json', 'json', _write_image_masks,
                  True), ()),
)


def _works(library: str) -> bool:
    """Whether an optional library is there, and goes with the others."""
    try:
        importlib.import_module(library)
    except ImportError:
        return False
    return True


PEER_KINDS = tuple(kind for kind, libraries in _ALL
                   if all(map(_works, libraries)))
