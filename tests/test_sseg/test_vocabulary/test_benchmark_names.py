from __future__ import annotations

import pytest
from mmdet.datasets import CocoDataset
from mmseg.datasets import (ADE20KDataset, COCOStuffDataset,
                            PascalContextDataset, PascalContextDataset59,
                            PascalVOCDataset)

from mmlangseg.sseg.vocabulary import (BENCHMARKS, ClassNames,
                                       dataset_vocabulary, write_class_names)
from mmlangseg.sseg.vocabulary.vocabulary import Vocabulary

COUNTS = dict(
    voc20=20,
    voc21=20,
    context59=59,
    context60=59,
    coco_object=80,
    coco_object80=80,
    coco_stuff=171,
    ade20k=150)
WITH_BACKGROUND = {'voc21', 'context60', 'coco_object'}


@pytest.mark.parametrize('name', COUNTS)
def test_fixed_names(name):
    found = dataset_vocabulary(name)
    assert len(found['classes']) == len(found['prompt_names']) == COUNTS[name]
    assert found['background'] == (name in WITH_BACKGROUND)
    assert 'background' not in found['classes']
    prompts = [prompt for prompt, in found['prompt_names']]
    assert all(p == p.strip() and p and '-' not in p for p in prompts)
    assert len(set(prompts)) == COUNTS[name], 'classes with the same prompt'
    Vocabulary(**found)  # accepts them


@pytest.mark.parametrize('name, classes', [
    ('voc21', PascalVOCDataset.METAINFO['classes'][1:]),
    ('voc20', PascalVOCDataset.METAINFO['classes'][1:]),
    ('context60', PascalContextDataset.METAINFO['classes'][1:]),
    ('context59', PascalContextDataset59.METAINFO['classes']),
    ('coco_object', CocoDataset.METAINFO['classes']),
    ('coco_stuff', COCOStuffDataset.METAINFO['classes']),
    ('ade20k', ADE20KDataset.METAINFO['classes']),
])
def test_labels_are_those_of_the_data_set(name, classes):
    assert dataset_vocabulary(name)['classes'] == classes


def renamed(name):
    found = dataset_vocabulary(name)
    pairs = zip(found['classes'], found['prompt_names'])
    return {c: p for c, (p, ) in pairs if c != p}


def test_prompts_that_differ():
    voc = dict(diningtable='table', pottedplant='plant', tvmonitor='monitor')
    assert renamed('voc20') == renamed('voc21') == voc
    assert renamed('context59') == renamed('context60') == dict(
        aeroplane='airplane', pottedplant='plant', tvmonitor='monitor')
    assert renamed('coco_object') == {}
    assert renamed('ade20k') == {'bed ': 'bed'}
    stuff = renamed('coco_stuff')
    assert stuff['wall-brick'] == 'brick wall'
    assert stuff['sky-other'] == 'sky'
    assert stuff['mirror-stuff'] == 'mirror'
    assert stuff['window-blind'] == 'window blind'


def test_names_in_a_file(tmp_path):
    path = tmp_path / 'classes.txt'
    names = [(f'thing_{i}', ) for i in range(1202)]
    names += [('bow_(weapon)', 'long__bow', 'long bow')]
    write_class_names(path, ClassNames(tuple(names), False))
    found = dataset_vocabulary('lvis', path)
    assert found['classes'][-1] == 'bow_(weapon)'
    assert found['prompt_names'][0] == ('thing 0', )
    assert found['prompt_names'][-1] == ('bow (weapon)', 'long bow')
    assert found['background'] is False
    assert dataset_vocabulary('own', path) == found
    with pytest.raises(ValueError, match="1203 classes, but 'imagenet_s50' "):
        dataset_vocabulary('imagenet_s50', path)


@pytest.mark.parametrize('name, classes_file, message', [
    ('voc', None, 'choose from voc20, voc21'),
    ('lvis', None, 'give its classes_file'),
    ('voc21', 'classes.txt', 'takes no classes_file'),
])
def test_wrong_arguments(name, classes_file, message):
    with pytest.raises(ValueError, match=message):
        dataset_vocabulary(name, classes_file)
    assert set(COUNTS) < set(BENCHMARKS)
