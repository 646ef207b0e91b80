import json
import pickle
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from scan_data import make_row, write_scans

from mmlangseg.engine import NumberedSampler, SeededDataset
from mmlangseg.io.annotations import AnnotationError
from mmlangseg.less.datasets import ScanReferDataset
from mmlangseg.less.scans import files as scan_files

PIPELINE = [
    dict(
        type='LoadPointsFromDict',
        coord_type='DEPTH',
        load_dim=6,
        use_dim=[0, 1, 2, 3, 4, 5],
        use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
    dict(type='NormalizeScanColor'),
    dict(type='PointSample', num_points=20),
    dict(type='ReferringAugment3D'),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
SENTENCES = 5 + 6 + 7  # of write_scans


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdet3d')


@pytest.fixture
def root(tmp_path):
    write_scans(tmp_path)
    return tmp_path


def build(root, **kwargs):
    return ScanReferDataset(
        data_root=str(root),
        ann_file='train.json',
        info_file='infos_train.pkl',
        **kwargs)


def expressions(dataset, epoch=0):
    """(scene, ann_id) of all expressions of an epoch, sample by sample."""
    return [[(sample['scene_id'], e['ann_id']) for e in sample['expressions']]
            for sample in (dataset[i + epoch * len(dataset)]
                           for i in range(len(dataset)))]


def test_item(root):
    sample = build(root, test_mode=True)[8]
    assert sample['scene_id'] == 'scene0001_00'
    assert sample['points'].shape == (61, 6)
    assert sample['points'].dtype == np.float32
    assert sample['pts_instance_mask'].dtype == np.int64
    assert sample['axis_align_matrix'][2, 3] == 3
    assert sample['expressions'] == [
        dict(
            text='the chair number 0 , please .',
            description='the chair number 0, please.',
            named_ids=[0],
            object_ids=[0],
            object_name='chair',
            ann_id='3',
            groups=[])
    ]


def test_description_as_text(root):
    sample = build(root, text='description')[0]
    expression = sample['expressions'][0]
    assert expression['text'] == expression['description']


@pytest.mark.parametrize('per_scene, length', [(1, SENTENCES), (3, 2 + 2 + 3),
                                               (64, 3)])
@pytest.mark.parametrize('test_mode', [False, True])
def test_each_expression_once(root, per_scene, length, test_mode):
    dataset = build(root, expressions_per_scene=per_scene, test_mode=test_mode)
    assert len(dataset) == length
    samples = expressions(dataset)
    assert max(map(len, samples)) <= per_scene
    assert all(len({scene for scene, _ in s}) == 1 for s in samples)
    flat = [e for sample in samples for e in sample]
    assert len(flat) == len(set(flat)) == SENTENCES
    if test_mode:
        assert flat == sorted(flat)


def test_unknown_folders(root):
    with pytest.raises(ValueError, match="no 'pts_semantic', only .'pts'"):
        build(root, data_prefix=dict(pts_semantic='semantic_mask'))


def test_dealt_anew_each_epoch(root):
    dataset = build(root, expressions_per_scene=3)
    first, second = expressions(dataset, 0), expressions(dataset, 1)
    assert first != second
    assert first == expressions(dataset, 0)
    assert sorted(sum(first, [])) == sorted(sum(second, []))
    dataset.sample_seed = 1
    assert first != expressions(dataset, 0)


@pytest.mark.parametrize('kind', ['DefaultSampler', 'InfiniteSampler'])
@pytest.mark.parametrize('world_size', [1, 2])
def test_other_samplers_deal_each_expression_once(root, kind, world_size,
                                                  monkeypatch):
    """Although no two of their draws are seeded alike."""
    dataset = build(root, expressions_per_scene=3)
    size = len(dataset)
    by_rank = []
    for rank in range(world_size):
        for module in ('mmlangseg.engine.numbered_sampler',
                       'mmengine.dataset.sampler'):
            monkeypatch.setattr(
                f'{module}.get_dist_info',
                lambda rank=rank: (rank, world_size))
        sampler = NumberedSampler(dataset, dict(type=kind), seed=0)
        indices = []
        for epoch in range(1 if kind == 'InfiniteSampler' else 4):
            sampler.set_epoch(epoch)
            indices += islice(sampler, 4 * size)
        by_rank.append(indices)
    if kind == 'DefaultSampler':  # and of its epochs, the last is filled up
        size = world_size * len(sampler)
    drawn = [i for several in zip(*by_rank) for i in several]
    deals = []
    for first in range(0, 4 * size, size):
        samples = [dataset[i] for i in drawn[first:first + len(dataset)]]
        deals.append({
            tuple(e['ann_id'] for e in sample['expressions'])
            for sample in samples
        })
        seen = [(sample['scene_id'], e['ann_id']) for sample in samples
                for e in sample['expressions']]
        assert len(seen) == len(set(seen)) == SENTENCES
    assert deals[0] != deals[1]


@pytest.mark.parametrize('wrapper', ['RepeatDataset', 'ConcatDataset'])
def test_dealt_anew_inside_wrappers(root, wrapper):
    inner = build(root, expressions_per_scene=3)
    wrapped = dict(
        RepeatDataset=lambda: RepeatDataset(inner, 2),
        ConcatDataset=lambda: ConcatDataset([inner, inner]))[wrapper]()
    dataset = SeededDataset(wrapped)
    first, second = expressions(dataset, 0), expressions(dataset, 1)
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))
    for epoch in first, second:
        assert set(Counter(sum(epoch, [])).values()) == {2}


def test_tests_do_not_depend_on_the_epoch(root):
    dataset = build(root, expressions_per_scene=3, test_mode=True)
    assert expressions(dataset, 0) == expressions(dataset, 3)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_epochs_are_the_same_for_any_number_of_workers(root, num_workers):

    def epochs(workers):
        loader = Runner.build_dataloader(
            dict(
                batch_size=2,
                num_workers=workers,
                persistent_workers=workers > 0,
                sampler=dict(type='EpochSampler', shuffle=True),
                dataset=build(
                    root, expressions_per_scene=2, pipeline=PIPELINE)),
            seed=3)
        result = []
        for epoch in range(2):
            loader.sampler.set_epoch(epoch)
            for batch in loader:
                result += batch['inputs']['points']
        return result

    reference, other = epochs(0), epochs(num_workers)
    assert len(reference) == len(other) == 2 * (3 + 3 + 4)
    assert all(map(torch.equal, reference, other))
    assert len({p.sum().item() for p in reference}) == len(reference)


def test_packed_sample(root):
    sample = build(root, expressions_per_scene=3, pipeline=PIPELINE)[0]
    data_sample = sample['data_samples']
    points = sample['inputs']['points']
    masks = data_sample.gt_instances_3d.masks
    assert points.shape == (20, 6) and points.dtype == torch.float32
    assert masks.shape == (len(data_sample.expressions), 20)
    assert masks.dtype == torch.bool
    assert data_sample.scene_id == 'scene0000_00'


def test_testing_keeps_points_in_order(root):
    pipeline = [t for t in PIPELINE if t['type'][:5] not in ('Point', 'Refer')]
    dataset = build(
        root, expressions_per_scene=9, test_mode=True, pipeline=pipeline)
    sample = dataset[2]
    raw = scan_files.read_points(root / 'points' / 'scene0002_00.bin')
    points = sample['inputs']['points'].numpy()
    # The alignment of write_scans: a quarter turn and a shift.
    expected = np.stack([1 - raw[:, 1], 2 + raw[:, 0], 3 + raw[:, 2]], axis=1)
    np.testing.assert_allclose(points[:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(
        points[:, 3:], (raw[:, 3:] - [109.8, 97.2, 83.8]) / 256, atol=1e-5)
    masks = sample['data_samples'].gt_instances_3d.masks.numpy()
    labels = np.arange(len(raw)) % 4
    for mask, item in zip(masks, sample['data_samples'].expressions):
        np.testing.assert_array_equal(mask,
                                      labels == item['object_ids'][0] + 1)


def test_cache_is_bounded_and_safe(root):
    dataset = build(root, expressions_per_scene=64, cache_scenes=2)
    first = dataset[0]['points']
    first[:] = 0
    assert dataset[0]['points'].any()  # the cache holds another copy
    for index in (1, 2, 0, 1):
        dataset[index]
        assert len(dataset._cache) <= 2
    assert len(pickle.loads(pickle.dumps(dataset))._cache) == 0
    none = build(root, cache_scenes=0)
    none[0]
    assert len(none._cache) == 0


def test_memory_does_not_grow_with_samples(root):
    """A sample's record does not repeat the sentences of its scene."""
    rows = [make_row('scene0000_00', 0, j) for j in range(500)]
    (root / 'train.json').write_text(json.dumps(rows))
    dataset = build(root)
    assert len(dataset) == 500
    assert dataset.data_bytes.nbytes < 500 * 200


def test_annotation_file_of_the_converter(root):
    rows = [make_row('scene0000_00', 0, object_ids=[0, 2], groups=['mt'])]
    content = dict(metainfo=dict(dataset='Multi3DRefer'), data_list=rows)
    (root / 'train.json').write_text(json.dumps(content))
    dataset = build(root, pipeline=PIPELINE[:1] + PIPELINE[-2:])
    assert dataset.metainfo['dataset'] == 'Multi3DRefer'
    sample = dataset[0]['data_samples']
    assert sample.expressions[0]['groups'] == ['mt']
    np.testing.assert_array_equal(sample.gt_instances_3d.masks[0],
                                  np.isin(np.arange(60) % 4, [1, 3]))


def test_unknown_scene(root):
    rows = [make_row('scene0000_00', 0), make_row('scene0999_00', 0)]
    (root / 'train.json').write_text(json.dumps(rows))
    with pytest.raises(
            AnnotationError, match="row 1: scene 'scene0999_00' is not in"):
        build(root)


def test_object_without_points(root):
    rows = [make_row('scene0000_00', 9, 4)]
    (root / 'train.json').write_text(json.dumps(rows))
    with pytest.raises(
            AnnotationError,
            match='scene0000_00, ann_id 4: object_id 9 has no points'):
        build(root)[0]


def test_scan_of_one_point(root):
    scan_files.write_scan(root, 'scene0000_00', np.ones((1, 6)), np.ones(1))
    rows = [make_row('scene0000_00', 0)]
    (root / 'train.json').write_text(json.dumps(rows))
    sample = build(root, pipeline=PIPELINE)[0]
    assert sample['inputs']['points'].shape == (20, 6)  # drawn repeatedly
    assert sample['data_samples'].gt_instances_3d.masks.all()


def test_damaged_scan(root):
    path = root / 'points' / 'scene0000_00.bin'
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match='scene0000_00.bin is truncated'):
        build(root)[0]


@pytest.mark.parametrize('option', [
    dict(expressions_per_scene=0),
    dict(text='words'),
])
def test_bad_options(root, option):
    with pytest.raises(ValueError, match=next(iter(option))):
        build(root, **option)


def test_misspelt_option(root):
    with pytest.raises(TypeError, match='expressions_per_scan'):
        build(root, expressions_per_scan=3)


@pytest.mark.parametrize('matrix', [2 * np.eye(4), np.diag([1, 1, -1, 1])])
def test_alignment_that_is_no_rotation(root, matrix):
    infos = scan_files.read_infos(root / 'infos_train.pkl', root)
    scan_files.write_infos(root / 'infos_train.pkl',
                           {scene: matrix
                            for scene in infos}, 'tiny')
    with pytest.raises(
            AnnotationError,
            match='infos_train.pkl, axis_align_matrix of scene0000_00: it is '
            'not a rotation'):
        build(root)


def test_scans_without_labels(root):
    scan_files.write_infos(
        root / 'infos_train.pkl',
        {f'scene000{i}_00': np.eye(4)
         for i in range(3)},
        'tiny',
        unlabelled=['scene0001_00'])
    with pytest.raises(
            AnnotationError, match='scan scene0001_00 has no labels'):
        build(root)


def test_copies_of_objects(root):
    (root / 'duplicate_objects.json').write_text('{"scene0000_00": {"0": 2}}')
    data_list = [build(root, test_mode=True)[i] for i in range(5)]
    ids = [data['expressions'][0]['object_ids'] for data in data_list]
    assert ids == [[2], [1], [2], [2], [1]]
    (root / 'duplicate_objects.json').write_text('{"scene0000_00": [1]}')
    with pytest.raises(AnnotationError, match='duplicate_objects.json is not'):
        build(root)
