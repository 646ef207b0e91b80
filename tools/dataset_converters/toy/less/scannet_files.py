"""Write toy rooms as raw ScanNet v2 scans and ScanRefer annotations."""
from __future__ import annotations
import json
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement

from mmlangseg.cli.progress import track
from mmlangseg.io.files import PathLike, atomic_path, write_json, write_text
from .furniture import KINDS, Part
from .rooms import Room, make_room, render
from .sentences import describe_room, item_name

LABEL_COLUMNS = ('id', 'raw_category', 'category', 'count', 'nyu40id',
                 'eigen13id', 'nyuClass', 'nyu40class')
BARE = {'wall': (1, 'wall'), 'floor': (2, 'floor')}


def write_toy_scannet(root: PathLike,
                      num_train: int,
                      num_val: int,
                      seed: int = 0) -> None:
    """Write a toy ScanNet with ScanRefer sentences.

    Room ``i`` depends on (seed, i) only. Layout under ``root``, all in the
    formats of the real data sets::

        scans/<scene>/<scene>_vh_clean_2.ply, .aggregation.json,
            _vh_clean_2.0.010000.segs.json, .txt
        meta_data/scannetv2-labels.combined.tsv, scannetv2_{train,val}.txt
        ScanRefer_filtered_{train,val}.json

    Args:
        root: Folder to write to; existing files are replaced.
        num_train: Number of training rooms.
        num_val: Number of validation rooms.
        seed: Seed of the whole set.
    """
    root = Path(root)
    scenes = [f'scene{i:04d}_00' for i in range(num_train + num_val)]
    splits = dict(train=scenes[:num_train], val=scenes[num_train:])
    write_label_table(root / 'meta_data' / 'scannetv2-labels.combined.tsv')
    rows: dict[str, list[dict]] = {}
    for index in track(range(len(scenes)), 'scans', 'rooms'):
        rng = np.random.default_rng((seed, index))
        room = make_room(rng)
        ids = write_scan(root / 'scans', scenes[index], room, rng)
        rows[scenes[index]] = scanrefer_rows(scenes[index], room, ids, rng)
    for split, names in splits.items():
        write_text(root / 'meta_data' / f'scannetv2_{split}.txt',
                   ''.join(f'{name}\n' for name in names))
        write_json(
            root / f'ScanRefer_filtered_{split}.json',
            [row for name in names for row in rows[name]],
            indent=1)


def write_label_table(path: PathLike) -> None:
    """Write ScanNet's table of labels for the kinds that occur."""
    entries = {kind.words[0]: kind.nyu40 for kind in KINDS.values()}
    entries.update(BARE)
    lines = ['\t'.join(LABEL_COLUMNS)]
    for index, (label, (nyu40id, name)) in enumerate(entries.items(), 1):
        lines.append('\t'.join(
            map(str,
                (index, label, label, 100, nyu40id, nyu40id, label, name))))
    write_text(path, '\n'.join(lines) + '\n')


def write_scan(folder: PathLike, scene: str, room: Room,
               rng: np.random.Generator) -> list[int]:
    """Write the raw files of one room.

    Returns:
        The ScanNet objectId of each object of the room.
    """
    # As in ScanNet, floor and walls are objects too; one wall is left
    # without annotation, and the ids come in random order.
    groups: list[tuple[str,
                       list[Part]]] = [(KINDS[item.kind].words[0], item.parts)
                                       for item in room.objects]
    groups.append(('floor', [room.floor]))
    groups += [('wall', [wall]) for wall in room.walls[1:]]
    ids = [int(i) for i in rng.permutation(len(groups))]
    num_segments = sum(len(parts) for _, parts in groups) + 1
    names = rng.choice(10 * num_segments, num_segments, replace=False)
    segment_names = iter(int(name) for name in names)

    vertices, colors, faces, segments, annotations = [], [], [], [], []
    start = 0
    for object_id, (label, parts) in zip([*ids, None],
                                         [*groups, ('', room.walls[:1])]):
        own = []
        for part in parts:
            xyz, rgb = render(part, rng)
            segment = next(segment_names)
            vertices.append(xyz)
            colors.append(rgb)
            faces.append(part.surface.faces + start)
            segments.append(np.full(len(xyz), segment))
            own.append(segment)
            start += len(xyz)
        if object_id is not None:
            annotations.append(
                dict(
                    id=object_id,
                    objectId=object_id,
                    segments=own,
                    label=label))

    matrix = _axis_alignment(rng)
    # The scan is stored un-aligned: aligned = raw @ R.T + t.
    raw = (np.concatenate(vertices) - matrix[:3, 3]) @ matrix[:3, :3]
    scan = Path(folder) / scene
    _write_mesh(scan / f'{scene}_vh_clean_2.ply', raw, np.concatenate(colors),
                np.concatenate(faces))
    segs_name = f'{scene}_vh_clean_2.0.010000.segs.json'
    write_json(
        scan / segs_name,
        dict(
            params=dict(kThresh='0.0001', segMinVerts='20'),
            sceneId=scene,
            segIndices=np.concatenate(segments).tolist()))
    write_json(
        scan / f'{scene}.aggregation.json',
        dict(
            sceneId=f'scannet.{scene}',
            appId='Toy.v1',
            segGroups=sorted(annotations, key=lambda a: a['id']),
            segmentsFile=f'scannet.{segs_name}'))
    values = ' '.join(f'{value:.6f}' for value in matrix.ravel())
    write_text(scan / f'{scene}.txt',
               f'axisAlignment = {values} \nsceneType = Toy \n')
    return ids[:len(room.objects)]


def _axis_alignment(rng: np.random.Generator) -> np.ndarray:
    """A turn about z and a shift, with the digits that the file keeps."""
    angle = rng.uniform(-np.pi, np.pi)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)],
                      [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = rng.uniform((-3, -3, -0.2), (3, 3, 0.2))
    return np.round(matrix, 6)


def _write_mesh(path: Path, vertices: np.ndarray, colors: np.ndarray,
                faces: np.ndarray) -> None:
    vertex = np.empty(
        len(vertices),
        dtype=[(name, '<f4') for name in 'xyz'] +
        [(name, 'u1') for name in ('red', 'green', 'blue', 'alpha')])
    for axis, name in enumerate('xyz'):
        vertex[name] = vertices[:, axis]
    for channel, name in enumerate(('red', 'green', 'blue')):
        vertex[name] = colors[:, channel]
    vertex['alpha'] = 255
    face = np.empty(len(faces), [('count', 'u1'), ('indices', '<i4', (3, ))])
    face['count'] = 3
    face['indices'] = faces
    elements = [
        PlyElement.describe(vertex, 'vertex'),
        PlyElement.describe(
            np.empty(len(faces), [('vertex_indices', 'i4', (3, ))]),
            'face',
            len_types={'vertex_indices': 'u1'})
    ]
    header = PlyData(elements, byte_order='<').header
    with atomic_path(path) as tmp:
        # plyfile writes lists one by one, which takes half of the whole set
        with open(tmp, 'wb') as file:
            file.write(f'{header}\n'.encode())
            file.write(vertex.tobytes())
            file.write(face.tobytes())


def scanrefer_rows(scene: str, room: Room, object_ids: list[int],
                   rng: np.random.Generator) -> list[dict]:
    """Describe a room in ScanRefer's schema.

    The extra key ``groups`` holds the type of the sentence.
    """
    rows: list[dict] = []
    counts: dict[int, int] = {}
    for sentence in describe_room(room, rng):
        target = sentence['target']
        ann_id = counts.get(target, 0)
        counts[target] = ann_id + 1
        rows.append(
            dict(
                scene_id=scene,
                object_id=str(object_ids[target]),
                object_name=item_name(room.objects[target]),
                ann_id=str(ann_id),
                description=sentence['description'],
                token=sentence['token'],
                groups=sentence['groups']))
    return rows


def read_sentences(path: PathLike) -> list[str]:
    """The sentences of a ScanRefer file, tokens joined by blanks."""
    with open(path, encoding='utf-8') as file:
        return [' '.join(row['token']) for row in json.load(file)]
