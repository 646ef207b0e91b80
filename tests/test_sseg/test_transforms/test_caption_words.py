from __future__ import annotations
import pickle
import sys
from types import ModuleType

import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from mmseg.utils import get_predefined_templates

from mmlangseg.engine import seeded
from mmlangseg.sseg.transforms import CaptionWords
from mmlangseg.sseg.transforms.word_taggers import tag_by_rule

TEXT = 'The 2 dogs are running on a green lawn with the dogs'
WORDS = ['dogs', 'running', 'green', 'lawn']
TEMPLATES = get_predefined_templates('imagenet')


def filled(words) -> set[str]:
    return {template.format(word) for template in TEMPLATES for word in words}


def run(mode: str, text: str = TEXT, seed: int = 0, **kwargs) -> dict:
    with seeded(seed):
        return CaptionWords(mode, **kwargs)(dict(text=text))


def test_registered():
    init_default_scope('mmseg')
    transform = TRANSFORMS.build(
        dict(type='CaptionWords', mode='words', tagger='rule'))
    assert "mode='words'" in repr(pickle.loads(pickle.dumps(transform)))


def test_templates_of_clip():
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 80
    assert all(template.count('{}') == 1 for template in TEMPLATES)


@pytest.mark.parametrize('text, words', [
    (TEXT, ['dogs', 'running', 'green', 'lawn', 'dogs']),
    ("Photo of <PERSON>'s well-known T-shirt, a fireman's hat, 50% off!",
     ['person', 'well-known', 't-shirt', "fireman's", 'hat']),
    ('eine Größe, 犬 и собака', ['eine', 'größe', 'собака']),
    ('a 12 ... _x_', []),
    ('it’s IMG_1234', ['img']),
])
def test_rule(text, words):
    assert tag_by_rule(text) == words


def test_words():
    assert run('words') == dict(text='a photo of dogs, running, green, lawn')


def test_word_prompt():
    texts = {run('word_prompt', seed=seed)['text'] for seed in range(40)}
    assert texts <= filled(WORDS) and len(texts) > 30
    for word in WORDS:
        assert any(word in text for text in texts)
    assert run(
        'word_prompt',
        templates=['one {}.'])['text'] in {f'one {word}.'
                                           for word in WORDS}


def test_multi_label():
    seen = set()
    for seed in range(20):
        results = run('multi_label', seed=seed)
        assert results['text'] == TEXT
        prompts = results['prompts']
        assert len(prompts) == 3 and set(prompts) <= filled(WORDS)
        chosen = [[w for w in WORDS if p in filled([w])] for p in prompts]
        assert len({tuple(words) for words in chosen}) == 3  # no repeats
        seen.update(prompts)
    assert len(seen) > 40
    assert len(run('multi_label', num_prompts=2)['prompts']) == 2


def test_multi_label_pads_with_the_caption():
    prompts = run('multi_label', 'a dog on a sofa')['prompts']
    assert set(prompts[:2]) <= filled(['dog', 'sofa'])
    assert prompts[2] == 'a dog on a sofa'
    assert run('multi_label', 'it is 5')['prompts'] == ['it is 5'] * 3


@pytest.mark.parametrize('mode', ['words', 'word_prompt'])
def test_captions_without_words_stay(mode):
    assert run(mode, 'it is 5') == dict(text='it is 5')


def test_braces_in_a_caption():
    """They are no place to fill in."""
    assert run('words', 'a {0} dog {}')['text'] == 'a photo of dog'


def test_seed_decides():
    for mode in ('word_prompt', 'multi_label'):
        assert run(mode) == run(mode)
        assert run(mode) != run(mode, seed=1)


@pytest.mark.parametrize('kwargs', [
    dict(mode='nouns'),
    dict(mode='words', tagger='spacy'),
    dict(mode='words', templates=['a photo']),
    dict(mode='words', templates=[])
])
def test_wrong_arguments(kwargs):
    with pytest.raises(ValueError, match=list(kwargs)[-1]):
        CaptionWords(**kwargs)


# --- NLTK, which is not needed and stands for itself here


def fake_nltk(has_data: bool) -> ModuleType:
    module = ModuleType('nltk')
    tags = dict(dogs='NNS', run='VBP', green='JJ', Rome='NNP', Alps='NNPS')

    def tokenize(text):
        if not has_data:
            raise LookupError('*** Resource punkt_tab not found. ***')
        return text.split()

    module.word_tokenize = tokenize
    module.pos_tag = lambda words: [(w, tags.get(w, 'IN')) for w in words]
    return module


def test_nltk(monkeypatch):
    monkeypatch.setitem(sys.modules, 'nltk', fake_nltk(True))
    transform = pickle.loads(
        pickle.dumps(CaptionWords('words', tagger='nltk')))
    results = transform(dict(text='green dogs run to Rome and Alps'))
    assert results['text'] == 'a photo of dogs, run, Rome'


def test_nltk_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'nltk', None)
    with pytest.raises(ImportError, match='pip install nltk, or use tagger='):
        CaptionWords('words', tagger='nltk')
    monkeypatch.setitem(sys.modules, 'nltk', fake_nltk(False))
    with pytest.raises(LookupError, match='nltk.downloader punkt_tab'):
        CaptionWords('words', tagger='nltk')
