import dataclasses

import pytest
import torch

from mmlangseg.sseg.models.prediction import classify_regions
from mmlangseg.sseg.vocabulary import Vocabulary, get_templates
from mmlangseg.sseg.vocabulary.build_vocabulary import build_vocabulary
from mmlangseg.sseg.vocabulary.class_embeddings import embed_classes
from mmlangseg.sseg.vocabulary.unknown_classes import describe_unknown_classes


def test_names_and_prompts():
    vocabulary = Vocabulary(
        classes=['diningtable', ' sofa '],
        prompt_names=['table', ('sofa', 'couch')],
        templates=['a {}.', 'the {}'],
        background=True)
    assert vocabulary.classes == ('diningtable', 'sofa')
    assert vocabulary.labels == ('background', 'diningtable', 'sofa')
    assert vocabulary.prompts(0) == ['a table.', 'the table']
    assert vocabulary.prompts(1) == [
        'a sofa.', 'the sofa', 'a couch.', 'the couch'
    ]
    plain = Vocabulary(['cat', 'dog'])
    assert plain.labels == ('cat', 'dog') and not plain.background
    assert plain.prompts(1) == ['a photo of a dog.']


def test_a_vocabulary_does_not_change():
    vocabulary = Vocabulary(['cat'])
    with pytest.raises(dataclasses.FrozenInstanceError):
        vocabulary.classes = ('dog', )


@pytest.mark.parametrize('name, count', [('simple', 1), ('subset', 7),
                                         ('full', 80)])
def test_templates(name, count):
    templates = get_templates(name)
    assert len(set(templates)) == len(templates) == count
    assert all(template.count('{}') == 1 for template in templates)
    assert all('@' not in template for template in templates)


def test_full_templates_hold_the_subset_and_what_mmseg_has_of_them():
    from mmseg.utils import get_predefined_templates
    full = set(get_templates('full'))
    assert full.issuperset(get_templates('subset') + get_templates('simple'))
    # mmseg's 'imagenet' are the first 55 of CLIP's, then 'vild'
    assert full.issuperset(get_predefined_templates('imagenet')[:55])


def test_braces_and_percent_signs_in_names():
    vocabulary = Vocabulary(['{x}', '100 % {}'], templates=['a {}'])
    assert vocabulary.prompts(0) == ['a {x}']
    assert vocabulary.prompts(1) == ['a 100 % {}']


def test_a_class_called_background_without_a_background():
    assert Vocabulary(['background', 'cat']).labels == ('background', 'cat')


def test_parse_a_list():
    vocabulary = Vocabulary.parse('cat, dog;puppy ,grass', background=True)
    assert vocabulary.classes == ('cat', 'dog', 'grass')
    assert vocabulary.prompt_names == (('cat', ), ('dog', 'puppy'),
                                       ('grass', ))
    assert vocabulary.background


def test_underscores_are_blanks_however_classes_are_given(tmp_path):
    """A model is asked the same in tests, by ``classes.txt``, and on own
    images, by a list."""
    ids, lines = tmp_path / 'classes.txt', tmp_path / 'names.txt'
    ids.write_text('1 traffic_light;stop_light\n2 dog\n')
    lines.write_text('traffic_light;stop_light\ndog\n')
    for given in (ids, lines, 'traffic_light;stop_light,dog',
                  dict(dataset='own', classes_file=ids)):
        vocabulary = build_vocabulary(given)
        assert vocabulary.classes == ('traffic_light', 'dog')
        assert vocabulary.prompt_names == (('traffic light', 'stop light'),
                                           ('dog', ))
    assert build_vocabulary(['traffic_light']).prompt_names == \
        (('traffic light', ), )
    kept = dict(classes=['traffic_light'], prompt_names=['traffic_light'])
    assert build_vocabulary(kept).prompt_names == (('traffic_light', ), )


def test_names_with_a_slash():
    """Among others they are no path."""
    assert Vocabulary.parse('tv/monitor, cat').classes == ('tv/monitor', 'cat')
    for path in ('data/classes', 'data/a,b.txt'):
        with pytest.raises(FileNotFoundError, match=f'{path} does not exist'):
            Vocabulary.parse(path)


@pytest.mark.parametrize('synonyms, text, shared', [
    ('mean', 'sofa;couch,couch', ''),
    ('mean', 'sofa;couch,seat;chair,settee;Couch', ''),
    ('max', 'sofa;couch,chair,settee;Couch', 'sofa = settee'),
    ('max', 'sofa;couch;chair,chair,cat', 'sofa = chair'),
])
def test_a_name_of_two_classes(synonyms, text, shared):
    """One of them never gets a pixel where all names count."""
    said = describe_unknown_classes(
        Vocabulary.parse(text, synonyms=synonyms), {})
    assert said == (
        shared and 'a name is that of several classes, of which '
        f'the first one gets the pixels: {shared}')


def test_all_names_of_two_classes():
    vocabulary = Vocabulary(['sofa', 'couch'], [['a', 'b'], ['B', 'a']])
    said = describe_unknown_classes(vocabulary, {})
    assert said.endswith('gets the pixels: sofa = couch')
    said = describe_unknown_classes(vocabulary, dict(sofa=['a']))
    assert "know 'a' in" in said and said.endswith('pixels: sofa = couch')


def test_parse_a_file(tmp_path):
    path = tmp_path / 'names'
    path.write_text('\ufeffstill water\n\n  sofa; couch\r\ncafé\n', 'utf-8')
    vocabulary = Vocabulary.parse(path, templates='subset')
    assert vocabulary.classes == ('still water', 'sofa', 'café')
    assert vocabulary.prompt_names[1] == ('sofa', 'couch')
    assert len(vocabulary.prompts(1)) == 14
    assert Vocabulary.parse(str(path)).classes == vocabulary.classes


SCLIP = """sky, wall, tree, wood, grass, road, sea, river
person, person in shirt
boat
tvmonitor, monitor, screen
"""


@pytest.mark.parametrize('background', [False, True])
def test_the_dialect_of_other_projects(tmp_path, background):
    """Commas separate synonyms, and the first line is the background."""
    path = tmp_path / 'cls_voc21.txt'
    path.write_text(SCLIP)
    vocabulary = Vocabulary.parse(path, background=background)
    assert vocabulary.labels == ('background', 'person', 'boat', 'tvmonitor')
    assert not vocabulary.background  # chosen by its words
    assert vocabulary.prompt_names[0] == ('sky', 'wall', 'tree', 'wood',
                                          'grass', 'road', 'sea', 'river')
    assert vocabulary.prompt_names[3] == ('tvmonitor', 'monitor', 'screen')
    path.write_text('background, ' + SCLIP)
    named = Vocabulary.parse(path, background=background)
    assert named.labels == vocabulary.labels
    path.write_text(SCLIP.split('\n', 1)[1])  # without background
    assert len(Vocabulary.parse(path, background=background).labels) == \
        3 + background
    path.write_text('background\n' + SCLIP.split('\n', 1)[1])
    alone = Vocabulary.parse(path)
    assert alone.background and alone.labels == vocabulary.labels


def test_what_was_understood_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmlangseg.sseg.vocabulary.vocabulary.print_log',
                        lambda message, logger: said.append(message))
    path = tmp_path / 'names.txt'
    path.write_text(SCLIP)
    Vocabulary.parse(path)
    path.write_text('background\ncat\nsofa;couch\n')
    Vocabulary.parse(path)
    assert said == [
        f'{path}: 4 classes, 3 with synonyms behind ",", of which the first '
        'is the background by its words (sky, wall, tree, wood ...), without '
        'a threshold', f'{path}: 2 classes, 1 with synonyms behind ";", and '
        'what belongs to none of them is background'
    ]


@pytest.mark.parametrize(
    'text', ['water, still\nsofa; couch\n', 'cat\nsofa, couch; settee\n'])
def test_an_ambiguous_file(tmp_path, text):
    path = tmp_path / 'names.txt'
    path.write_text(text)
    with pytest.raises(
            ValueError, match='names.txt has ";" in line 2 and ","'):
        Vocabulary.parse(path)


@pytest.mark.parametrize('text, message', [
    ('cat,dog,grass\n', 'names.txt is one line with commas'),
    ('"cat"\n"dog"\n', "names.txt, line 1: '\"cat\"' is not a name"),
    ('dog\n"traffic light, red", lamp\n', 'names.txt, line 2: '),
    ("['cat',\n'dog']\n", 'names.txt, line 1: '),
    ("cat\n'dog'\n", 'names.txt, line 2: '),
    ('1,cat\n2,dog\n', "names.txt, line 1: '1,cat' is not a name"),
    ('1: cat\n2: dog\n', "names.txt, line 1: '1: cat' is not a name"),
    ('1. cat\n2. dog\n', 'names.txt, line 1: '),
    ('cat\tkitten\ndog\n', 'names.txt, line 1: '),
    ('# animals\ncat\n', 'names.txt, line 1: '),
    ('cat\n,\n', 'names.txt, line 2: '),
    ('cat\ndog\nCat\n', "names.txt: the class 'Cat' is given twice"),
])
def test_files_of_other_kinds(tmp_path, text, message):
    """Else quotes and ids are letters of the names, and one line with commas
    one class."""
    path = tmp_path / 'names.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Vocabulary.parse(path)


@pytest.mark.parametrize('text', [
    'cat, kitten,\ndog,\n', 'cat,\r\ndog,\r\n', 'cat;kitten;\ndog\n',
    'cat;;kitten\ndog\n'
])
def test_marks_without_a_name_behind_them(tmp_path, text):
    path = tmp_path / 'names.txt'
    path.write_bytes(text.encode())
    vocabulary = Vocabulary.parse(path)
    assert vocabulary.labels == ('cat', 'dog')
    assert vocabulary.prompt_names[1] == ('dog', )
    assert vocabulary.prompt_names[0] in (('cat', ), ('cat', 'kitten'))


def test_names_that_look_odd(tmp_path):
    path = tmp_path / 'names.txt'
    odd = ("jack-o'-lantern", '7', '3.5 inch disk', 't-shirt (red)', '50%')
    path.write_text('\n'.join(odd))
    assert Vocabulary.parse(path).labels == odd


def test_a_thousand_names(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('\n'.join(f'kind {i}' for i in range(1000)))
    vocabulary = Vocabulary.parse(path)
    assert len(vocabulary.labels) == 1000
    assert vocabulary.prompts(999) == ['a photo of a kind 999.']


@pytest.mark.parametrize('text, message', [
    ('', 'the vocabulary is empty'),
    (' ', 'the vocabulary is empty'),
    ('cat,,dog', 'empty name'),
    ('cat,dog,', 'empty name'),
    ('cat;,dog', 'empty name'),
    ('cat,dog, Cat', "'Cat' is given twice: as number 1 and 3"),
    ('"cat","dog"', "'\"cat\"' is not the name of a class"),
])
def test_bad_lists(text, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.parse(text)


def test_bad_files(tmp_path):
    for name in ('classes.csv', 'labels.JSON', 'coco.names'):
        with pytest.raises(FileNotFoundError, match=f'{name} does not exist'):
            Vocabulary.parse(name)
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        Vocabulary.parse('none.txt')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        Vocabulary.parse(tmp_path / 'none')
    (tmp_path / 'empty').write_text('\n \n')
    with pytest.raises(ValueError, match='empty has no class'):
        Vocabulary.parse(tmp_path / 'empty')
    (tmp_path / 'binary').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='binary is not a UTF-8 text'):
        Vocabulary.parse(tmp_path / 'binary')


@pytest.mark.parametrize('bad, message', [
    (dict(classes=[]), 'the vocabulary is empty'),
    (dict(classes='cat'), 'must be a list'),
    (dict(classes=['a', None]), 'empty name'),
    (dict(classes=['a'], prompt_names=['a', 'b']), '2 entries for 1 classes'),
    (dict(classes=['a'], prompt_names=[()]), 'without a name'),
    (dict(classes=['a', 'Background'],
          background=True), "class 'background' besides the background"),
    (dict(classes=['a'], templates='many'), "templates='many' is not known"),
    (dict(classes=['a'], templates=['photo']), "must have one '{}'"),
    (dict(classes=['a'], templates=[]), 'templates is empty'),
])
def test_bad_vocabularies(bad, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(**bad)


def test_embedding_is_the_mean_over_synonyms_and_templates():
    vocabulary = Vocabulary(['a', 'b', 'c'], [['a', 'aa', 'aaa'], 'b', 'c'],
                            templates=['{}', 'a {}.'])
    seen = []

    def embed_texts(texts):
        seen.append(len(texts))
        rows = [[hash(t) % 97, hash(t) % 13, 5] for t in texts]
        return torch.tensor(rows, dtype=torch.float32)

    embeddings = embed_classes(vocabulary, embed_texts, batch_size=4)
    assert seen == [4, 4, 2]
    for i in range(3):
        mean = embed_texts(vocabulary.prompts(i)).mean(0)
        torch.testing.assert_close(embeddings[i], mean / mean.norm())


def test_the_most_similar_synonym_counts():
    vocabulary = Vocabulary(['a', 'b'], [['a', 'aa', 'aaa'], 'b'],
                            templates=['{}', 'a {}.'],
                            synonyms='max')
    assert vocabulary.owners() == [0, 0, 0, 1]
    vectors = dict(a=(1., 0, 0), aa=(0, 1., 0), aaa=(0, 0, 1.), b=(.8, .6, 0))

    def embed_texts(texts):
        return torch.tensor(
            [vectors[t.removeprefix('a ').strip('.')] for t in texts])

    names = embed_classes(vocabulary, embed_texts)
    torch.testing.assert_close(names, torch.tensor(list(vectors.values())))
    features = torch.tensor([[[0., 2, 0], [3., 2, 0], [0, 0, 1]]])
    probs = classify_regions(
        features, names, 10., owners=torch.tensor(vocabulary.owners()))
    best = torch.tensor([[1, .6], [3 / 13**.5, 3.6 / 13**.5], [1, 0]])
    torch.testing.assert_close(probs[0], (10 * best).softmax(-1))
    with pytest.raises(ValueError, match="synonyms must be .* got 'median'"):
        Vocabulary(['a'], synonyms='median')


def test_vocabulary_of_a_benchmark(tmp_path):
    voc = build_vocabulary(dict(dataset='voc21', templates='subset'))
    assert len(voc.labels) == 21 and voc.background
    assert len(voc.prompts(0)) == 7
    index = voc.classes.index('diningtable')
    assert voc.prompt_names[index] == ('table', )
    plain = build_vocabulary(dict(dataset='voc21', background=False))
    assert len(plain.labels) == 20
    assert build_vocabulary('voc21', 'subset') == voc
    path = tmp_path / 'classes.txt'
    path.write_text('1 cat\n2 dog;puppy\n')
    own = dict(dataset='own', classes_file=str(path))
    assert build_vocabulary(own) == build_vocabulary(path)
    assert build_vocabulary(path).prompt_names[1] == ('dog', 'puppy')
    with pytest.raises(ValueError, match="no benchmark 'mapillary'"):
        build_vocabulary(dict(dataset='mapillary'))
    with pytest.raises(TypeError):
        build_vocabulary(dict(classes=['cat'], template='simple'))


def test_vocabulary_of_names_and_files(tmp_path):
    assert build_vocabulary(['cat', 'dog']) == Vocabulary(['cat', 'dog'])
    assert build_vocabulary('cat,dog') == Vocabulary(['cat', 'dog'])
    path = tmp_path / 'names.txt'
    path.write_text('2 wheeler\ncar\n')  # not a file with ids
    expected = Vocabulary(['2 wheeler', 'car'], templates='full')
    assert build_vocabulary(str(path), 'full') == expected
    assert build_vocabulary(expected) is expected
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='not a UTF-8'):
        build_vocabulary(path)
