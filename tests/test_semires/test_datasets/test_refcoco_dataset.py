from __future__ import annotations
import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from outside_data import realdata
from refer_data import (HEIGHT, IMAGES, WIDTH, make_instances, make_ref,
                        square, write_instances, write_refer)

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.semires.datasets import RefCOCODataset, write_image_ids

REAL = realdata('coco_refer')
META_KEYS = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
             'ori_shape', 'img_shape', 'flip')
LOAD = dict(type='LoadImageFromFile', imdecode_backend='pillow')
MASK = dict(type='LoadReferringMask')
RESIZE = dict(
    type='Resize', scale=(48, 48), keep_ratio=False, backend='pillow')
PACK = dict(type='PackSegInputs', meta_keys=META_KEYS)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def root(tmp_path):
    write_refer(tmp_path)
    return tmp_path


def build(root, split='train', ann_folder='refcoco', **kwargs):
    return RefCOCODataset(
        ann_folder=ann_folder, split=split, data_root=str(root), **kwargs)


def ids(dataset):
    return [(item['ref_id'], item['sent_id']) for item in dataset]


def test_item(root):
    item = build(root, 'val', test_mode=True)[4]
    path = root / IMAGES / 'COCO_train2014_000000000104.jpg'
    assert item == dict(
        img_path=str(path),
        img_id=104,
        ref_id=9,
        sent_id=91,
        text='object 9 sentence 1 left',
        groups=[],
        height=HEIGHT,
        width=WIDTH,
        object_ids=[9],
        segmentation=[[square(13)]],
        seg_fields=[],
        reduce_zero_label=False,
        sample_idx=4)


def test_an_expression_that_stands_twice_counts_once(tmp_path):
    """As in files that were put together: its sentences would be trained and
    scored twice. Another one with its id is another one."""
    refs = [make_ref(i, 100, 'val') for i in range(2)]
    other = make_ref(0, 100, 'val', ann_id=1)
    other['sentences'] = other['sentences'][:1]
    write_refer(tmp_path, refs, make_instances(refs))
    path = tmp_path / 'refcoco' / 'refs(unc).p'
    path.write_bytes(pickle.dumps([*refs, *refs[::-1], other]))
    dataset = build(tmp_path, 'val', test_mode=True)
    assert ids(dataset) == [(0, 0), (0, 1), (0, 2), (1, 10), (1, 11), (1, 12),
                            (0, 0)]


def test_raw_sentences(root):
    item = build(root, 'val', test_mode=True, text_field='raw')[4]
    assert item['text'] == 'Object 9, sentence 1: LEFT'


@pytest.mark.parametrize('split, objects', [
    ('train', list(range(8))),
    ('val', [8, 9]),
    ('testA', [10, 11]),
    ('testB', [12, 13]),
    ('test', [10, 11, 12, 13]),
])
def test_splits(root, split, objects):
    """In training a sample is an object, in test mode a sentence."""
    assert [item['ref_id'] for item in build(root, split)] == objects
    pairs = [(i, 10 * i + k) for i in objects for k in range(3)]
    assert ids(build(root, split, test_mode=True)) == pairs


def test_splits_of_refcocog(tmp_path):
    """With umd, "test" is a split of its own; google has no test."""
    refs = [make_ref(0, 1, 'train'), make_ref(1, 2, 'test')]
    write_refer(tmp_path, refs, name='refcocog', split_by='umd')
    write_refer(tmp_path, refs[:1], name='refcocog', split_by='google')
    write_instances(tmp_path, make_instances(refs), 'refcocog')
    options = dict(ann_folder='refcocog', test_mode=True)
    assert len(build(tmp_path, 'test', split_by='umd', **options)) == 3
    with pytest.raises(
            AnnotationError, match=r"no split 'test', but \['train'\]"):
        build(tmp_path, 'test', split_by='google', **options)
    with pytest.raises(
            FileNotFoundError,
            match=r'refcocog, which has refs\(google\).p, refs\(umd\).p'):
        build(tmp_path, 'test', **options)


def test_layout_of_mmdetection(tmp_path):
    write_refer(tmp_path, name='refcoco+', images='train2014')
    dataset = build(
        tmp_path,
        'val',
        ann_folder='refcoco+',
        data_prefix=dict(img_path='train2014'),
        pipeline=[LOAD])
    assert dataset[0]['img'].shape == (HEIGHT, WIDTH, 3)


def test_image_names_of_coco_2017(root):
    for path in (root / IMAGES).iterdir():
        path.rename(path.with_name(path.name.rpartition('_')[2]))
    assert build(root, 'val')[0]['img_path'].endswith('/000000000104.jpg')


def test_sentence_drawn_anew_each_epoch(root):
    dataset = build(root)
    epochs = [[dataset[i + epoch * len(dataset)] for i in range(len(dataset))]
              for epoch in range(20)]
    texts = [[item['sent_id'] for item in epoch] for epoch in epochs]
    assert texts == [[
        dataset[i + epoch * len(dataset)]['sent_id']
        for i in range(len(dataset))
    ] for epoch in range(20)]  # a function of the epoch and the index
    for index in range(len(dataset)):
        drawn = {epoch[index] for epoch in texts}
        assert drawn == {10 * index + k for k in range(3)}
    dataset.sample_seed = 1
    assert [dataset[i]['sent_id'] for i in range(len(dataset))] != texts[0]


def test_image_list(root):
    path = root / 'refcoco' / 'some.json'
    write_image_ids(path, dict(seed=0), [102, 100])
    dataset = build(root, image_ids='refcoco/some.json')
    assert [item['ref_id'] for item in dataset] == [0, 1, 4, 5]
    path.write_text('[101]')  # a plain list will do
    dataset = build(root, image_ids=str(path), test_mode=True)
    assert {item['img_id'] for item in dataset} == {101}


@pytest.mark.parametrize('content, message', [
    ('[104]', r'some.json: 1 of 1 images \(\[104\]...\) are not in split'),
    ('[]', 'some.json: 0 of 0 images'),
    ('{"image_ids": ["104"]}', 'some.json has no list of integers'),
    ('{', 'some.json is not valid JSON'),
    (None, 'some.json does not exist. Make it with'),
])
def test_bad_image_list(root, content, message):
    if content is not None:
        (root / 'some.json').write_text(content)
    with pytest.raises((AnnotationError, FileNotFoundError), match=message):
        build(root, image_ids='some.json')


class TestTypesOfTables:
    """What NumPy and pandas leave in a pickle."""

    @pytest.mark.parametrize(
        'integer',
        [np.int64, np.uint16, np.float64, str, np.str_, lambda i: np.array(i)])
    @pytest.mark.parametrize('protocol', [0, 4])
    def test_refs(self, root, integer, protocol):
        refs = write_refer(root)
        expected = list(build(root))
        for ref in refs:
            for key in ('ref_id', 'image_id', 'ann_id'):
                ref[key] = integer(ref[key])
            ref['split'] = np.str_(ref['split'])
            for sentence in ref['sentences']:
                sentence['sent_id'] = integer(sentence['sent_id'])
                sentence['sent'] = np.str_(sentence['sent'])
                sentence['tokens'] = np.array(sentence['tokens'])
            ref['sentences'] = np.array(ref['sentences'], dtype=object)
        path = root / 'refcoco' / 'refs(unc).p'
        for content in (refs, np.array(refs, dtype=object), tuple(refs)):
            path.write_bytes(pickle.dumps(content, protocol))
            found = list(build(root))
            assert found == expected
            for item in found:
                assert type(item['img_id']) is type(item['ref_id']) is int
                assert type(item['text']) is str

    def test_targets(self, root):
        ids = np.array([0, 1])
        refs = [
            make_ref(0, 100, 'val', ann_id=ids, no_target=np.bool_(False)),
            make_ref(1, 100, 'val', ann_id=np.array([-1]), no_target=False),
            make_ref(2, 100, 'val', no_target=np.bool_(True)),
            make_ref(3, 100, 'val', ann_id=['0', '1']),
        ]
        for ref in refs:
            ref['sentences'][0]['groups'] = np.array(['one', 'two'])
        write_refer(root, refs)
        found = list(build(root, 'val', test_mode=True))[::3]
        assert [item['object_ids'] for item in found] == [[0, 1], [], [],
                                                          [0, 1]]
        assert found[0]['groups'] == ['one', 'two']

    def test_instances(self, root):
        expected = list(build(root))
        path = root / 'refcoco' / 'instances.json'
        content = json.loads(path.read_text())
        for row in content['images'] + content['annotations']:
            row.update({
                key: str(value)
                for key, value in row.items() if key.endswith('id')
            })
        write_instances(root, content)
        assert list(build(root)) == expected


class TestTargets:
    """gRefCOCO, and objects without annotation."""

    @pytest.fixture
    def grefcoco(self, tmp_path):
        refs = [
            make_ref(0, 1, 'val', ann_id=[0, 1], no_target=False),
            make_ref(1, 1, 'val', ann_id=[-1], no_target=True),
            make_ref(2, 1, 'val', ann_id=[]),
            make_ref(3, 1, 'val', ann_id=None),
        ]
        refs[0]['sentences'][1]['groups'] = ['multiple']
        write_refer(tmp_path, refs, name='grefcoco')
        (tmp_path / 'grefcoco' / 'refs(unc).p').unlink()
        (tmp_path / 'grefcoco' / 'grefs(unc).json').write_text(
            json.dumps(refs))
        return tmp_path

    def test_no_and_several_targets(self, grefcoco):
        dataset = build(
            grefcoco, 'val', 'grefcoco', test_mode=True, pipeline=[MASK])
        assert dataset[0]['segmentation'] == [[square(4)], [square(5)]]
        assert dataset[0]['gt_seg_map'].sum() == 25  # of the larger square
        assert dataset[3]['segmentation'] == dataset[6]['segmentation'] == []
        assert not dataset[3]['gt_seg_map'].any()
        assert [dataset[i]['groups'] for i in range(3)] == [[], ['multiple'],
                                                            []]

    def test_not_annotated(self, grefcoco):
        options = dict(split='val', ann_folder='grefcoco', test_mode=True)
        dataset = build(grefcoco, pipeline=[MASK], **options)
        with pytest.raises(ValueError, match='ref_id 3 has no "ann_id"'):
            dataset[9]
        pipeline = [dict(MASK, required=False), LOAD, PACK]
        sample = build(grefcoco, pipeline=pipeline, **options)[9]
        assert 'gt_sem_seg' not in sample['data_samples']


def test_packed_training_sample(root):
    dataset = build(root, pipeline=[LOAD, MASK, RESIZE, PACK])
    sample = dataset[3]
    assert sample['inputs'].shape == (3, 48, 48)
    assert sample['inputs'].dtype == torch.uint8
    data_sample = sample['data_samples']
    assert data_sample.gt_sem_seg.data.shape == (1, 48, 48)
    assert data_sample.gt_sem_seg.data.unique().tolist() == [0, 1]
    assert data_sample.ori_shape == (HEIGHT, WIDTH)
    assert data_sample.ref_id == 3 and data_sample.img_id == 101


@pytest.mark.parametrize('strong_from, dtype', [('image', torch.uint8),
                                                ('normalised', torch.float32)])
def test_weak_and_strong_view(root, strong_from, dtype):
    """Both views share sentence, geometry and blur; colors differ."""
    fields = ['sup', 'unsup_teacher', 'unsup_student']
    jitter = dict(type='RandomColorJitter', prob=1., strong_from=strong_from)
    pipeline = [
        LOAD,
        dict(type='LoadReferringMask', required=False), RESIZE,
        dict(type='RandomReferringFlip', prob=0.5),
        dict(type='RandomGaussianBlur', prob=1.),
        dict(
            type='mmdet.MultiBranch',
            branch_field=fields,
            unsup_teacher=[PACK],
            unsup_student=[jitter, PACK])
    ]
    flips = set()
    for sample in build(root, pipeline=pipeline):
        weak, strong = (sample['inputs'][name] for name in fields[1:])
        assert weak.dtype == torch.uint8 and strong.dtype == dtype
        assert not torch.equal(weak.float(), strong.float())
        samples = [sample['data_samples'][name] for name in fields[1:]]
        assert samples[0].text == samples[1].text
        assert samples[0].flip == samples[1].flip
        assert torch.equal(samples[0].gt_sem_seg.data,
                           samples[1].gt_sem_seg.data)
        flips.add(samples[0].flip)
        if strong_from == 'image':  # mirrored or blurred alike
            rank = [
                torch.argsort(x.float().mean(0).flatten()).argsort()
                for x in (weak, strong)
            ]
            assert np.corrcoef(*map(np.asarray, rank))[0, 1] > 0.5
    assert flips == {True, False}


def test_mask_after_resize_has_the_original_size(root):
    dataset = build(
        root, 'val', pipeline=[LOAD, RESIZE, MASK, PACK], test_mode=True)
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 48, 48)
    mask = sample['data_samples'].gt_sem_seg.data
    assert mask.shape == (1, HEIGHT, WIDTH) and mask.sum() == 12 * 12


@pytest.mark.parametrize('num_workers', [2])
def test_epochs_are_the_same_for_any_number_of_workers(root, num_workers):
    pipeline = [
        LOAD, MASK, RESIZE,
        dict(type='RandomReferringFlip', prob=0.5),
        dict(type='RandomGaussianBlur'),
        dict(type='RandomColorJitter'), PACK
    ]

    def epochs(workers):
        loader = Runner.build_dataloader(
            dict(
                batch_size=2,
                num_workers=workers,
                persistent_workers=workers > 0,
                sampler=dict(type='EpochSampler', shuffle=True),
                dataset=build(root, pipeline=pipeline)),
            seed=3)
        batches = []
        for epoch in range(2):
            loader.sampler.set_epoch(epoch)
            for batch in loader:
                batches += zip(batch['inputs'], batch['data_samples'])
        return batches

    reference, other = epochs(0), epochs(num_workers)
    assert len(reference) == len(other) == 16
    for (image, sample), (image2, sample2) in zip(reference, other):
        assert torch.equal(image, image2)
        assert sample.text == sample2.text
        assert torch.equal(sample.gt_sem_seg.data, sample2.gt_sem_seg.data)
    assert {sample.flip for _, sample in reference} == {True, False}


def test_sentence_of_200_words(root):
    text = ' '.join(f'word{i}' for i in range(200))
    refs = [make_ref(0, 100, 'train')]
    refs[0]['sentences'] = [dict(sent_id=0, sent=text, raw=text)]
    write_refer(root, refs)
    sample = build(root, pipeline=[LOAD, MASK, PACK])[0]
    assert sample['data_samples'].text == text


class TestBadInput:

    def refs_of(self, root):
        return root / 'refcoco' / 'refs(unc).p'

    def test_hostile_pickle(self, root):
        trace = root / 'executed'

        class Hostile:

            def __reduce__(self):
                return os.system, (f'touch {trace}', )

        self.refs_of(root).write_bytes(
            pickle.dumps([make_ref(0, 100, 'train'),
                          Hostile()]))
        with pytest.raises(ValueError, match=r'refs\(unc\).p .* not allowed'):
            build(root)
        assert not trace.exists()

    @pytest.mark.parametrize('data, message', [
        (b'', 'is not a pickle of plain data'),
        (pickle.dumps(dict(a=1)), 'is not a list of referring expressions'),
        (pickle.dumps([]), 'is not a list of referring expressions'),
        (pickle.dumps(['x']), 'entry 0: it is a str, not a dict'),
    ])
    def test_malformed_refs(self, root, data, message):
        self.refs_of(root).write_bytes(data)
        with pytest.raises(ValueError, match=message):
            build(root)

    @pytest.mark.parametrize('fields, message', [
        (dict(image_id='1a'), 'entry 1: "image_id" is \'1a\', not int'),
        (dict(ref_id=True), 'entry 1: "ref_id" is True, not int'),
        (dict(split=None), 'entry 1: "split" is None, not str'),
        (dict(sentences=[]), 'entry 1: "sentences" is empty'),
        (dict(sentences=[dict(sent='a')]), 'entry 1: "sent_id" is missing'),
        (dict(sentences=[dict(sent_id=1, raw='a')]), '"sent" is missing'),
        (dict(sentences=[dict(sent_id=1, sent='a', groups='b')]),
         '"groups" is not a list of strings'),
        (dict(ann_id='3.'), 'entry 1: "ann_id" is \'3.\', not an integer'),
        (dict(ann_id=float('nan')),
         'entry 1: "ann_id" is nan, not an integer'),
        (dict(ann_id=[2, None]), 'entry 1: "ann_id" is a list, not an'),
        (dict(no_target='False'), '"no_target" is \'False\', not bool'),
        (dict(sentences=np.zeros((2, 2))), '"sentences" is a ndarray, not'),
        (dict(ann_id=77), 'ref_id 1: annotation 77 is missing'),
        (dict(ann_id=2), 'annotation 2 is of image 101, the expression of'),
        (dict(image_id=77), 'ref_id 1: image 77 is missing'),
    ])
    def test_malformed_entry(self, root, fields, message):
        refs = write_refer(root)
        refs[1].update(fields)
        self.refs_of(root).write_bytes(pickle.dumps(refs))
        with pytest.raises(AnnotationError, match=message):
            build(root)

    def test_deeply_nested(self, root):
        """Beyond what Python can print."""
        # [{'sentences': [{'sent_id': [[[...]]]}]}]
        self.refs_of(root).write_bytes(
            b'\x80\x02](}(X\x09\0\0\0sentences](}(X\x07\0\0\0sent_id' +
            b']' * 5000 + b'a' * 4999 + b'ueue.')
        with pytest.raises(AnnotationError, match='"sent_id" is a list'):
            build(root)

    def test_many_faults_in_one_error(self, root):
        refs = [make_ref(i, 100, None) for i in range(25)]
        self.refs_of(root).write_bytes(pickle.dumps(refs))
        with pytest.raises(AnnotationError) as error:
            build(root)
        lines = str(error.value).splitlines()
        assert len(lines) == 12 and lines[-1].endswith('... and 15 more')

    @pytest.mark.parametrize('text, message', [
        ('{"images": [', 'instances.json is not valid JSON'),
        ('{"images": []}', 'instances.json does not have COCO'),
        ('[]', 'instances.json does not have COCO'),
    ])
    def test_malformed_instances(self, root, text, message):
        (root / 'refcoco' / 'instances.json').write_text(text)
        with pytest.raises(AnnotationError, match=message):
            build(root)

    @pytest.mark.parametrize('key, rows, message', [
        ('images', [dict(id=[1])], '"images", row 0: "id" is a list, not int'),
        ('images', ['x'], '"images", row 0: it is a str, not a dict'),
        ('annotations', [dict(id=1), dict(id=1, image_id=2)],
         '"annotations", row 1: "id" is 1, that of another row'),
        ('annotations', {}, 'does not have COCO\'s list "annotations"'),
    ])
    def test_malformed_rows(self, root, key, rows, message):
        content = make_instances(write_refer(root))
        content[key] = rows
        write_instances(root, content)
        with pytest.raises(
                AnnotationError, match=f'(?s)instances.json.*{message}'):
            build(root)

    @pytest.mark.parametrize('fields, message', [
        (dict(file_name='../../secret.jpg'), 'image 100, "file_name"'),
        (dict(height=0), 'image 100: "height" or "width" is 0'),
        (dict(width='4'), '"width" is \'4\', not int'),
        (dict(width=10**9), '"height" or "width" is 1000000000, not from 1'),
    ])
    def test_malformed_image(self, root, fields, message):
        content = make_instances(write_refer(root))
        content['images'][0].update(fields)
        write_instances(root, content)
        with pytest.raises(AnnotationError, match=message):
            build(root)

    @pytest.mark.parametrize(
        'segmentation',
        [
            None,
            [],
            [[]],
            [[1., 2.]],
            [[5., 5., 10., 5., 20., 5.]],  # on a line
            [square(6, x=50)],  # beside the image
        ])
    def test_empty_polygon(self, root, segmentation):
        content = make_instances(write_refer(root))
        content['annotations'][1]['segmentation'] = segmentation
        write_instances(root, content)
        with pytest.raises(
                AnnotationError,
                match='instances.json:\n  ref_id 1: annotation 1, '
                '"segmentation": .*Correct it or remove the expression'):
            build(root)
        assert len(build(root, 'val')) == 2  # splits that do not use it

    def test_missing_images(self, root):
        for name in (0, 2):
            (root / IMAGES / f'COCO_train2014_{100 + name:012d}.jpg').unlink()
        with pytest.raises(
                FileNotFoundError,
                match='lacks 2 of 4 images, the first is COCO_train2014_'
                '000000000100.jpg. Correct data_prefix'):
            build(root)
        shutil.rmtree(root / 'images')
        with pytest.raises(FileNotFoundError, match='is not a folder'):
            build(root)

    def test_missing_files(self, root):
        (root / 'refcoco' / 'instances.json').unlink()
        with pytest.raises(FileNotFoundError, match='instances.json does not'):
            build(root)
        with pytest.raises(
                FileNotFoundError, match='refcocog, which does not exist'):
            build(root, ann_folder='refcocog')

    def test_image_of_another_size(self, root):
        content = make_instances(write_refer(root))
        content['images'][0].update(height=HEIGHT + 1)
        write_instances(root, content)
        dataset = build(root, pipeline=[LOAD, MASK])
        with pytest.raises(
                ValueError, match=r'has \(30, 40\) pixels, but its entry'):
            dataset[0]

    def test_bad_option(self, root):
        with pytest.raises(ValueError, match='text_field'):
            build(root, text_field='tokens')
        with pytest.raises(TypeError, match='text_mode'):
            build(root, text_mode='raw')


@pytest.mark.skipif(
    not REAL.is_dir(),
    reason='no real photographs; set MMLANGSEG_REALDATA to their folder')
class TestRealPhotographs:

    @pytest.mark.parametrize('split, images, objects, sentences', [
        ('train', 48, 104, 277),
        ('val', 12, 29, 82),
        ('testA', 10, 15, 49),
        ('testB', 11, 17, 47),
        ('test', 21, 32, 96),
    ])
    def test_counts(self, split, images, objects, sentences):
        dataset = build(REAL, split, 'refcoco_mini', test_mode=True)
        assert len({item['img_id'] for item in dataset}) == images
        assert len({item['ref_id'] for item in dataset}) == objects
        assert len(dataset) == sentences
        assert len(build(REAL, split, 'refcoco_mini')) == objects

    def test_masks_have_the_annotated_areas(self):
        content = json.loads(
            (REAL / 'refcoco_mini' / 'instances.json').read_text())
        areas = {}
        for row in content['annotations']:
            areas.setdefault(row['image_id'], []).append(row['area'])
        dataset = build(REAL, 'val', 'refcoco_mini', pipeline=[LOAD, MASK])
        for sample in dataset:
            count = int(sample['gt_seg_map'].sum())
            known = np.array(areas[sample['img_id']])
            assert np.abs(known / count - 1).min() < 0.05
            assert sample['gt_seg_map'].shape == sample['img'].shape[:2]
