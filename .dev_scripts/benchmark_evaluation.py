"""Benchmark of scoring predictions that lie on the disk; see benchmark.py."""
from __future__ import annotations

import mmlangseg  # noqa: F401  isort:skip  before mmcv.ops, for mmcv-lite
import contextlib
import io
import os
import tempfile
from functools import partial
from pathlib import Path

import mmcv
import numpy as np
import torch
from benchmark_report import Comparison, Variant
from mmengine.registry import init_default_scope
from mmseg.datasets import COCOStuffDataset
from PIL import Image
from torch import Tensor

import mmlangseg.less
import mmlangseg.sseg  # noqa: F401
from mmlangseg.evaluation import ReferringSums
from mmlangseg.less.datasets.annotations import (read_annotations,
                                                 write_annotations)
from mmlangseg.less.evaluation import evaluate_scan_masks
from mmlangseg.less.scans import files as scan_files
from mmlangseg.sseg.evaluation import evaluate_label_maps
from mmlangseg.sseg.transforms import LoadWideAnnotations

_THRESHOLDS = (0.25, 0.5)
_SENTENCES_PER_SCENE = 67  # 9,508 in 141 scans, as in the validation set
_OBJECTS = 40
_MAPS = 16  # that differ; the others are links to them


def evaluate_scans(sentences: int, points: int) -> list[Comparison]:
    """Masks of scans, of which some hundred points are inside."""
    # every variant holds the folder, which goes with the last of them
    folder = tempfile.TemporaryDirectory(prefix='mmlangseg_benchmark_')
    _write_scans(Path(folder.name), sentences, points)

    def ours() -> list[Tensor]:
        sums = ReferringSums(_THRESHOLDS, False, 'Acc')
        row = evaluate_scan_masks(*_files(folder), sums)['overall']
        return [torch.tensor([v for k, v in row.items() if k != 'count'])]

    return [
        Comparison(f'{sentences} masks of {points} points, NPZ with indices',
                   'sentence', [
                       Variant('plain, scans read each time',
                               partial(_plain_scans, folder, keep=False),
                               sentences, True),
                       Variant('the same, all scans kept',
                               partial(_plain_scans, folder, keep=True),
                               sentences, True),
                       Variant('ours', ours, sentences),
                   ], 1e-5)
    ]


def _write_scans(root: Path, sentences: int, points: int) -> None:
    rng = np.random.default_rng(0)
    rows: list = []
    indices, offsets = [], [0]
    scenes = -(-sentences // _SENTENCES_PER_SCENE)
    for number in range(scenes):
        scene = f'scene{number:04d}_00'
        labels = np.sort(rng.integers(0, _OBJECTS + 1, points))
        cloud = rng.random((points, 6), np.float32)
        scan_files.write_scan(root, scene, cloud, labels)
        for ann in range(min(_SENTENCES_PER_SCENE, sentences - len(rows))):
            target = int(rng.integers(_OBJECTS))
            rows.append(
                dict(
                    scene_id=scene,
                    object_ids=[target],
                    object_name='thing',
                    ann_id=str(ann),
                    description='it',
                    token=['it'],
                    groups=[('unique', 'multiple')[ann % 2]]))
            inside = np.flatnonzero(labels == target + 1)
            shift = rng.integers(-len(inside), len(inside) + 1)
            indices.append(np.unique((inside + shift).clip(0, points - 1)))
            offsets.append(offsets[-1] + len(indices[-1]))
    write_annotations(root / 'truth.json', {}, rows)
    scan_files.write_infos(
        root / 'infos.pkl',
        {f'scene{i:04d}_00': np.eye(4)
         for i in range(scenes)}, 'benchmark')
    np.savez(
        root / 'predictions.npz',
        scene_id=[row['scene_id'] for row in rows],
        ann_id=[row['ann_id'] for row in rows],
        indices=np.concatenate(indices).astype(np.int32),
        offsets=offsets)


def _files(folder: tempfile.TemporaryDirectory) -> tuple[Path, ...]:
    root = Path(folder.name)
    return (root / 'predictions.npz', root / 'truth.json', root / 'infos.pkl',
            root)


def _plain_scans(folder: tempfile.TemporaryDirectory,
                 keep: bool) -> list[Tensor]:
    """One sentence after the other, its masks as arrays of booleans."""
    predictions, ann_file, info_file, root = _files(folder)
    _, rows = read_annotations(ann_file)
    infos = scan_files.read_infos(info_file, root)
    archive = np.load(predictions)
    indices, offsets = archive['indices'], archive['offsets']
    place = {
        (scene, ann): i
        for i, (scene, ann) in enumerate(
            zip(archive['scene_id'].tolist(), archive['ann_id'].tolist()))
    }
    kept: dict = {}
    ious, inters, unions = [], 0, 0
    for row in rows:
        scene = row['scene_id']
        labels = kept.get(scene)
        if labels is None:
            points = scan_files.read_points(infos[scene].points_path)
            labels = scan_files.read_instances(infos[scene].instances_path,
                                               len(points))
            if keep:
                kept[scene] = labels
        i = place[scene, row['ann_id']]
        predicted = np.zeros(len(labels), bool)
        predicted[indices[offsets[i]:offsets[i + 1]]] = True
        target = np.isin(labels, np.array(row['object_ids']) + 1)
        inter = int((predicted & target).sum())
        union = int((predicted | target).sum())
        ious.append(inter / union)
        inters, unions = inters + inter, unions + union
    ious = np.array(ious)
    accuracies = [(ious > t).mean() for t in _THRESHOLDS]
    scores = [ious.mean(), *accuracies, inters / unions]
    return [100 * torch.tensor(scores, dtype=torch.float32)]


def evaluate_labels(images: int, height: int, width: int) -> list[Comparison]:
    """Label maps of COCO-Stuff's 171 classes, PNG."""
    init_default_scope('mmseg')
    folder = tempfile.TemporaryDirectory(prefix='mmlangseg_benchmark_')
    root = Path(folder.name)
    _write_maps(root, images, height, width)
    dataset = COCOStuffDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='labels'))
    loader = LoadWideAnnotations(ignore_index=255)

    def ours() -> list[Tensor]:
        predictions = Path(folder.name) / 'predictions'
        with contextlib.redirect_stdout(io.StringIO()):  # the classes' table
            scores = evaluate_label_maps(predictions, dataset, loader)
        return [torch.tensor([scores['mIoU']])]

    return [
        Comparison(
            f'{images} label maps of {height} x {width} pixels, 171 classes',
            'image', [
                Variant('plain, one class at a time',
                        partial(_plain_maps, folder, dataset, loader), images,
                        True),
                Variant('ours', ours, images),
            ], 1e-3)  # mmseg rounds to two digits
    ]


def _write_maps(root: Path, images: int, height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    for name in ('images', 'labels', 'predictions'):
        (root / name).mkdir()
    for i in range(images):
        files = (root / f'labels/{i}_labelTrainIds.png',
                 root / f'predictions/{i}.png')
        (root / f'images/{i}.jpg').touch()
        for file in files:
            first = file.with_name(
                file.name.replace(f'{i}', f'{i % _MAPS}', 1))
            if i >= _MAPS:
                os.link(first, file)
                continue
            # the same labels, of which predictions have three in four
            fixed = np.random.default_rng(i)
            shape = -(-height // 32), -(-width // 32)
            blocks = fixed.integers(0, 171, shape)
            if file is files[1]:
                wrong = rng.random(shape) < 0.25
                blocks[wrong] = rng.integers(0, 171, wrong.sum())
            ids = blocks.repeat(32, 0).repeat(32, 1)[:height, :width]
            Image.fromarray(ids.astype(np.uint8)).save(file)


def _plain_maps(folder: tempfile.TemporaryDirectory, dataset: COCOStuffDataset,
                loader: LoadWideAnnotations) -> list[Tensor]:
    """One class after the other, |P and T| / |P or T| over all images."""
    predictions = Path(folder.name) / 'predictions'
    count = len(dataset.metainfo['classes'])
    inter, union = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for i in range(len(dataset)):
        info = loader(dataset.get_data_info(i))
        labels = info['gt_seg_map']
        name = Path(info['img_path']).stem
        predicted = mmcv.imread(
            predictions / f'{name}.png', flag='unchanged', backend='pillow')
        known = labels != 255
        for c in range(count):
            p, t = (predicted == c) & known, labels == c
            inter[c] += (p & t).sum()
            union[c] += (p | t).sum()
    occurs = union > 0
    return [
        100 * torch.tensor([(inter[occurs] / union[occurs]).mean()],
                           dtype=torch.float32)
    ]
