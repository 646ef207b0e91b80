"""tools/dataset_converters/scanrefer.py on a few rows."""
import csv
import json

import numpy as np
import pytest
from scan_data import load_converter, make_row

from mmlangseg.less.datasets import read_annotations
from mmlangseg.less.scans import files as scan_files

TABLE = (('chair', 'chair'), ('office chair', 'chair'), ('lamp', 'lamp'),
         ('plant', 'otherprop'), ('table', 'table'))


@pytest.fixture(scope='module')
def scanrefer():
    return load_converter('scanrefer')


@pytest.fixture
def root(tmp_path):
    """Two scans with objects 0 to 4 and ScanNet's label table."""
    for scene in ('scene0000_00', 'scene0001_00'):
        scan_files.write_scan(tmp_path, scene, np.zeros((12, 6)),
                              np.arange(12) % 6)
    scan_files.write_infos(
        tmp_path / 'scannet_infos_val.pkl',
        {scene: np.eye(4)
         for scene in ('scene0000_00', 'scene0001_00')}, 'scannet')
    lines = ['id\traw_category\tnyu40id\tnyu40class']
    lines += [f'1\t{raw}\t1\t{name}' for raw, name in TABLE]
    (tmp_path / 'meta_data').mkdir()
    (tmp_path / 'meta_data' / 'scannetv2-labels.combined.tsv').write_text(
        '\n'.join(lines))
    return tmp_path


def convert(scanrefer, root, rows, name='ScanRefer_filtered_val.json'):
    """Convert rows; returns the status and the rows written."""
    source = root / name
    if name.endswith('.csv'):
        with open(source, 'w', newline='') as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        source.write_text(json.dumps(rows))
    status = scanrefer.main([str(source), str(root), '--split', 'val'])
    written = list((root / 'annotations').glob('*.json'))
    return status, read_annotations(written[0])[1] if written else None


def test_unique_and_multiple(scanrefer, root):
    rows = [
        # Two chairs of different raw categories: multiple.
        make_row('scene0000_00', 0, object_name='chair'),
        make_row('scene0000_00', 1, object_name='office_chair'),
        # One table, described twice: unique.
        make_row('scene0000_00', 2, 0, object_name='table'),
        make_row('scene0000_00', 2, 1, object_name='table'),
        # Lamp and plant are both "others": multiple.
        make_row('scene0000_00', 3, object_name='lamp'),
        make_row('scene0000_00', 4, object_name='plant'),
        # The only chair of another scene: unique.
        make_row('scene0001_00', 0, object_name='chair', groups=['colour']),
        # A name that the table lacks is "others", alone here: unique.
        make_row('scene0001_00', 1, object_name='gizmo'),
    ]
    status, written = convert(scanrefer, root, rows)
    assert status == 0
    groups = [row['groups'] for row in written]
    assert groups == [['multiple'], ['multiple'], ['unique'], ['unique'],
                      ['multiple'], ['multiple'], ['unique', 'colour'],
                      ['unique']]
    assert written[1]['object_ids'] == [1]


def test_report_says_what_differs(scanrefer, root, capsys):
    rows = [make_row('scene0000_00', 0), make_row('scene0000_00', 0)]
    assert convert(scanrefer, root, rows)[0] == 0
    out = capsys.readouterr().out
    assert '1 scenes, 1 objects, 2 expressions' in out
    assert ('differs from the published set: scenes 1 instead of 141, '
            'objects 1 instead of 2068, expressions 2 instead of 9508, '
            'unique 2 instead of 1845') in out
    assert 'occur more than once' in out


@pytest.mark.parametrize('split, counts', [
    ('train', (562, 7875, 36665, 7108)),
    ('val', (141, 2068, 9508, 1845)),
])
def test_report_on_the_published_counts(scanrefer, split, counts):
    scenes, objects, expressions, unique = counts
    rows = [
        dict(
            scene_id=str(i % objects % scenes),
            object_ids=[i % objects],
            ann_id=str(i),
            groups=['unique' if i < unique else 'multiple'])
        for i in range(expressions)
    ]
    lines = scanrefer.report('ScanRefer', split, rows)
    assert lines[-1] == '  equals the published set'
    lines = scanrefer.report('ScanRefer', split, rows[:-1])
    assert f'expressions {expressions - 1} instead of' in lines[-1]
    assert 'published' not in ''.join(scanrefer.report('Mine', split, rows))


def nr3d_row(utterance, stimulus, **fields):
    scene, kind, _, target = stimulus.split('-')[:4]
    row = dict(
        assignmentid='17',
        stimulus_id=stimulus,
        utterance=utterance,
        correct_guess='True',
        speaker_id='1',
        listener_id='2',
        scan_id=scene,
        instance_type=kind,
        target_id=target,
        tokens=str(utterance.lower().split()),
        dataset='nr3d',
        mentions_target_class='True',
        uses_object_lang='True',
        uses_spatial_lang='True',
        uses_color_lang='False',
        uses_shape_lang='False')
    row.update(fields)
    return row


def test_nr3d(scanrefer, root, capsys):
    rows = [
        nr3d_row('The chair on the left', 'scene0000_00-office chair-2-1-3'),
        nr3d_row('the big chair', 'scene0001_00-chair-3-4-0-2'),
        nr3d_row(
            'the big thing',
            'scene0001_00-chair-3-4-0-2',
            mentions_target_class='False'),
        nr3d_row('the chair', 'scene0700_00-chair-2-4-0'),  # another split
    ]
    status, written = convert(scanrefer, root, rows, 'nr3d.csv')
    assert status == 0
    assert 'left out 1 utterances' in capsys.readouterr().out
    assert [row['groups'] for row in written] == [['easy', 'view_dependent'],
                                                  ['hard', 'view_independent']]
    assert written[0]['object_ids'] == [1]
    assert written[0]['object_name'] == 'office_chair'
    assert written[0]['token'] == ['the', 'chair', 'on', 'the', 'left']
    assert written[0]['ann_id'] == '17'


def test_ids_that_count_from_zero(scanrefer, root):
    """Numbers of JSON: 0 is an id, which was replaced by the row's number."""
    other = nr3d_row('the chair', 'scene0700_00-chair-2-4-0')  # not in root
    rows = [other] + [
        nr3d_row('the chair', 'scene0000_00-chair-2-1-3', **ids)
        for ids in (dict(ann_id=0), dict(ann_id=1), dict(assignmentid=0),
                    dict(ann_id='', assignmentid=None))
    ]
    status, written = convert(scanrefer, root, rows, 'nr3d.json')
    assert status == 0
    assert [row['ann_id'] for row in written] == ['0', '1', '0', '4']


def test_sr3d(scanrefer, root):
    row = dict(
        scan_id='scene0000_00',
        target_id='2',
        distractor_ids='[4]',
        utterance='choose the chair left of the table',
        stimulus_id='scene0000_00-chair-2-2-4',
        coarse_reference_type='horizontal',
        reference_type='closest',
        instance_type='chair',
        anchors_types="['table']",
        anchor_ids='[3]')
    status, written = convert(scanrefer, root, [row, row], 'sr3d.csv')
    assert status == 0
    assert [row['ann_id'] for row in written] == ['0', '1']
    assert written[0]['groups'] == ['easy', 'view_dependent']
    assert written[0]['token'][-1] == 'table'


def test_multi3drefer(scanrefer, root):
    rows = [
        dict(
            scene_id='scene0000_00',
            object_ids=ids,
            object_name='chair',
            ann_id=i,
            eval_type=kind,
            description='All the chairs.',
            spatial=True,
            color=False,
            texture=False,
            shape=False)
        for i, (ids, kind) in enumerate([([],
                                          'zt_w_d'), ([2],
                                                      'st_wo_d'), ([3, 1],
                                                                   'mt')])
    ]
    status, written = convert(scanrefer, root, rows, 'multi3drefer_val.json')
    assert status == 0
    assert [row['object_ids'] for row in written] == [[], [2], [1, 3]]
    assert [row['groups'] for row in written] == [['zt_w_d'], ['st_wo_d'],
                                                  ['mt']]
    assert written[0]['token'] == ['all', 'the', 'chairs', '.']


@pytest.mark.parametrize('name, row, message', [
    ('scanrefer.json', make_row('scene0009_00',
                                0), "row 0: scene 'scene0009_00' is not in"),
    ('scanrefer.json', make_row('scene0000_00', 8),
     'row 0: object_id 8 has no points in scene scene0000_00'),
    ('scanrefer.json', make_row('scene0000_00', 0,
                                object_ids=[1, 2]), 'row 0: it has 2 targets'),
    ('scanrefer.json', make_row('scene0000_00', 0, token=[], description=''),
     'row 0: "description" is empty'),
    ('multi3drefer.json', make_row('scene0000_00',
                                   0), 'row 0: "object_ids" is missing'),
    ('nr3d.csv', dict(a=1), 'no column "scan_id"'),
    ('nr3d.csv', nr3d_row('a', 'scene0005_00-a-2-1'), 'the right split?'),
    ('nr3d.csv', nr3d_row('a', 'scene0000_00-a-x-1'), '"stimulus_id"'),
    ('nr3d.csv', nr3d_row('a', 'scene0000_00-a-2-1', tokens='[a'), 'row 0'),
    ('nr3d.csv', nr3d_row('a', 'scene0000_00-a-2-1',
                          target_id='x'), '"object_id" is \'x\''),
])
def test_faults(scanrefer, root, capsys, name, row, message):
    status, written = convert(scanrefer, root, [row], name)
    error = capsys.readouterr().err
    assert status == 1 and written is None
    assert message in error and name in error


def test_missing_files(scanrefer, root, capsys):
    source = root / 'scanrefer.json'
    assert scanrefer.main([str(source), str(root), '--split', 'val']) == 1
    assert 'scanrefer.json does not exist' in capsys.readouterr().err
    source.write_text(json.dumps([make_row('scene0000_00', 0)]))
    assert scanrefer.main([str(source), str(root), '--split', 'train']) == 1
    assert 'scannet_infos_train.pkl does not' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        scanrefer.main([str(root / 'x.json'), str(root), '--split', 'val'])
    assert '--format' in capsys.readouterr().err


@pytest.mark.parametrize('name, number', [
    ('refridgerator', '24'),
    ('Refrigerator', '24'),
    ('fridge', '24'),
    ('', '24'),
    ('refridgerator', ''),
])
def test_classes_in_other_spellings(scanrefer, root, name, number):
    """ScanNet and MMDetection3D spell nyu40class "refridgerator"."""
    table = root / 'meta_data' / 'scannetv2-labels.combined.tsv'
    table.write_text('raw_category\tnyu40id\tnyu40class\n'
                     f'refrigerator\t{number}\t{name}\n'
                     f'mini fridge\t{number}\t{name}\n'
                     'lamp\t35\tlamp\ntrash can\t39\totherfurniture\n'
                     'curtain\t28\tshower_curtain\n')
    rows = [
        make_row('scene0000_00', i, object_name=kind) for i, kind in enumerate(
            ['refrigerator', 'lamp', 'curtain', 'mini_fridge'])
    ]
    rows += [
        make_row('scene0001_00', i, object_name=kind)
        for i, kind in enumerate(['refrigerator', 'lamp', 'trash_can'])
    ]
    status, written = convert(scanrefer, root, rows)
    assert status == 0
    assert [row['groups'][0] for row in written] == [
        'multiple', 'unique', 'unique', 'multiple', 'unique', 'multiple',
        'multiple'
    ]


def test_copies_of_objects(scanrefer, root, capsys):
    """Rows may name either copy; the instance mask has the first one."""
    (root /
     'duplicate_objects.json').write_text('{"scene0000_00": {"8": 0, "9": 1}}')
    rows = [
        make_row('scene0000_00', 8, object_name='table'),
        make_row('scene0000_00', 0, object_name='table'),
        make_row('scene0001_00', 0)
    ]
    status, written = convert(scanrefer, root, rows)
    assert status == 0
    assert [row['object_ids'] for row in written] == [[0], [0], [0]]
    assert written[0]['groups'] == ['unique']
    assert '1 rows of scene0000_00 name copies' in capsys.readouterr().out


def test_one_scan_does_not_take_the_others_along(scanrefer, root, capsys):
    rows = [make_row('scene0000_00', 8), make_row('scene0001_00', 0)]
    status, written = convert(scanrefer, root, rows)
    assert status == 0
    assert [row['scene_id'] for row in written] == ['scene0001_00']
    error = capsys.readouterr().err
    assert '1 of 2 rows are left out' in error
    assert 'row 0: object_id 8 has no points in scene scene0000_00' in error


def test_objects_without_points_are_annotated(scanrefer, root):
    """The chair that is left is no more unique than before."""
    rows = [make_row('scene0000_00', i, object_name='chair') for i in (0, 8)]
    status, written = convert(scanrefer, root, rows)
    assert status == 0
    assert [row['groups'] for row in written] == [['multiple']]


NR3D = [
    nr3d_row(
        'the chair on the left',
        'scene0000_00-l-shaped sofa-2-1-3',
        instance_type='l-shaped sofa',
        target_id='1'),
    nr3d_row('the big chair', 'scene0001_00-chair-3-4-0-2'),
    nr3d_row('the chair', 'scene0700_00-chair-2-4-0')
]


def as_lists(row):
    """As pandas writes the rows: numbers and lists, not their texts."""
    return dict(
        row,
        target_id=int(row['target_id']),
        tokens=row['utterance'].split(),
        mentions_target_class=True)


def as_mdin(row):
    """In ScanRefer's schema, as 3D-GRES (MDIN) has Nr3D and Sr3D."""
    return dict(
        scene_id=row['scan_id'],
        object_id=row['target_id'],
        object_name=row['instance_type'],
        ann_id='17',
        description=row['utterance'],
        token=row['utterance'].split(),
        meta_data=row['stimulus_id'],
        view_dependent='left' in row['utterance'])


@pytest.mark.parametrize('change', [dict, as_lists, as_mdin])
@pytest.mark.parametrize('kind', ['json', 'jsonl', 'csv'])
def test_nr3d_by_its_content(scanrefer, root, change, kind):
    rows = [change(row) for row in NR3D]
    # Only the name tells Nr3D from Sr3D in ScanRefer's schema.
    source = root / ('nr3d.txt' if change is as_mdin else 'sentences.txt')
    if kind == 'csv':
        with open(source, 'w', newline='', encoding='utf-8-sig') as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = [json.dumps(row) for row in rows]
        source.write_text('\n'.join(lines) if kind == 'jsonl' else '\ufeff[' +
                          ','.join(lines) + ']')
    assert scanrefer.main([str(source), str(root), '--split', 'val']) == 0
    metainfo, written = read_annotations(root / 'annotations' /
                                         'nr3d_val.json')
    assert metainfo['dataset'] == 'Nr3D'
    assert [row['groups'] for row in written] == [['easy', 'view_dependent'],
                                                  ['hard', 'view_independent']]
    assert [row['object_ids'] for row in written] == [[1], [4]]
    assert written[0]['token'] == ['the', 'chair', 'on', 'the', 'left']


def test_nr3d_without_stimulus(scanrefer, root, capsys):
    rows = [make_row('scene0000_00', 0), make_row('scene0001_00', 1)]
    status, written = convert(scanrefer, root, rows, 'nr3d_val.json')
    assert status == 0
    assert [row['groups'] for row in written] == [['view_independent']] * 2
    assert '2 rows have no stimulus_id' in capsys.readouterr().out


@pytest.mark.parametrize('name, rows, formats', [
    ('a.json', [make_row('scene0000_00', 0)], 'scanrefer'),
    ('nr3d.json', [dict(make_row('scene0000_00', 0), eval_type='mt')
                   ], 'multi3drefer'),
    ('nr3d.json', [dict(stimulus_id='a', anchor_ids='[]')], 'sr3d'),
    ('a.json', [dict(stimulus_id='a', utterance='b')], None),
    ('a.json', [dict(a=1)], None),
])
def test_formats_by_content(scanrefer, tmp_path, name, rows, formats):
    assert scanrefer.guess_format(tmp_path / name, rows) == formats


def test_files_that_are_not_utf8(scanrefer, root, capsys):
    source = root / 'nr3d.csv'
    source.write_bytes(b'scan_id,utterance\nscene0000_00,caf\xe9\n')
    assert scanrefer.main([str(source), str(root), '--split', 'val']) == 1
    assert 'nr3d.csv is not UTF-8 text' in capsys.readouterr().err


def test_scanrefer_in_the_fields_of_referit3d(scanrefer, root):
    """As ViL3DRel has it, in lines; the same rows as of ScanRefer's own."""
    native = [
        make_row('scene0000_00', 0, object_name='chair'),
        make_row('scene0000_00', 1, 3, object_name='office chair'),
        make_row('scene0001_00', 2, 1, object_name='table')
    ]
    lines = [
        json.dumps(
            dict(
                item_id=f'scanrefer_{i:06d}',
                scan_id=row['scene_id'],
                target_id=int(row['object_id']),
                instance_type=row['object_name'],
                utterance=row['description'],
                tokens=row['token'],
                ann_id=row['ann_id'])) for i, row in enumerate(native)
    ]
    status, expected = convert(scanrefer, root, native)
    assert status == 0
    (root / 'scanrefer.jsonl').write_text('\n'.join(lines))
    args = [str(root / 'scanrefer.jsonl'), str(root), '--split', 'val']
    assert scanrefer.main(args) == 0
    written, = (root / 'annotations').glob('*.json')
    assert read_annotations(written)[1] == expected
