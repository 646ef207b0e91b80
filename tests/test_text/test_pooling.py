"""How the tokens of a sentence become one vector."""
from __future__ import annotations
import json

import pytest
import torch
from mmengine.registry import MODELS
from text_folder import write_modules, write_text_folder

from mmlangseg.text import POOLING_MODES, pool_tokens
from mmlangseg.text.sentence_transformers_folder import read_pooling

TEXTS = ['the chair is red', 'the lamp']
TOKENS = torch.tensor([[[1., 8.], [2., -4.], [6., 2.], [3., 2.]],
                       [[4., 1.], [8., 3.], [9., 99.], [9., 99.]]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Flags as sentence-transformers wrote them until its version 5."""
    return write_text_folder(
        tmp_path_factory.mktemp('mean'),
        dict(
            word_embedding_dimension=16,
            pooling_mode_cls_token=False,
            pooling_mode_mean_tokens=True,
            pooling_mode_max_tokens=False))


def build(folder, **settings):
    return MODELS.build(
        dict(
            type='HuggingFaceTextEncoder', pretrained=str(folder),
            **settings)).eval()


@pytest.mark.parametrize('mode, expected', [
    ('cls', [[1, 8], [4, 1]]),
    ('mean', [[3, 2], [6, 2]]),
    ('max', [[6, 8], [8, 3]]),
    ('mean_sqrt_len_tokens', [[6, 4], [12 / 2**0.5, 4 / 2**0.5]]),
    ('weightedmean', [[3.5, 1.4], [20 / 3, 7 / 3]]),
    ('lasttoken', [[3, 2], [8, 3]]),
])
def test_by_hand(mode, expected):
    torch.testing.assert_close(
        pool_tokens(TOKENS, MASK, mode),
        torch.tensor(expected).float())


@pytest.mark.parametrize('mode', POOLING_MODES)
def test_padding_changes_nothing(folder, mode):
    encoder = build(folder, pooling=mode)
    together = encoder(TEXTS)
    for i, text in enumerate(TEXTS):
        torch.testing.assert_close(together.sentence[i],
                                   encoder([text]).sentence[0])


def test_the_sentence_is_what_the_model_says(folder):
    encoder = build(folder)
    assert encoder.pooling == 'mean'
    first = build(folder, pooling='cls')(TEXTS[1:])
    text = encoder(TEXTS[1:])
    tokens = torch.cat([first.sentence[:, None], first.words], 1)
    torch.testing.assert_close(text.sentence, tokens.mean(1))
    torch.testing.assert_close(text.words, first.words)
    # and it is not the first token
    assert not torch.allclose(text.sentence, first.sentence, atol=0.1)


@pytest.mark.parametrize('config, mode', [
    (dict(pooling_mode='lasttoken'), 'lasttoken'),
    (dict(pooling_mode=['max']), 'max'),
    (dict(pooling_mode_mean_sqrt_len_tokens=True), 'mean_sqrt_len_tokens'),
    (dict(pooling_mode_weightedmean_tokens=True), 'weightedmean'),
    (dict(pooling_mode_cls_token=True), 'cls'),
])
def test_other_modes(tmp_path, config, mode):
    write_modules(tmp_path, 'Normalize')
    (tmp_path / '1_Pooling').mkdir()
    (tmp_path / '1_Pooling' / 'config.json').write_text(json.dumps(config))
    assert read_pooling(str(tmp_path)) == mode


@pytest.mark.parametrize('config, message', [
    ('{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}',
     r"the pooling \['cls', 'mean'\] is not supported: set `pooling`"),
    ('{"pooling_mode": ["cls", "mean"]}', 'is not supported: set `pooling`'),
    ('{"pooling_mode": "median"}', r"the pooling \['median'\] is not"),
    ('{}', r'the pooling \[\] is not supported'),
    ('{"pooling_mode_mean_tokens": "yes"}',
     "pooling_mode_mean_tokens must be true or false, not 'yes'"),
    ('{"pooling_mode"', 'is damaged'),
    ('[]', 'must hold a dict'),
    (None, 'names 1_Pooling/config.json, which is not there'),
])
def test_refused(tmp_path, config, message):
    write_modules(tmp_path)
    if config is not None:
        (tmp_path / '1_Pooling').mkdir()
        (tmp_path / '1_Pooling' / 'config.json').write_text(config)
    with pytest.raises(ValueError, match=message) as error:
        read_pooling(str(tmp_path))
    assert str(tmp_path) in str(error.value)
    assert '`pooling` of the text encoder' in str(error.value)


def test_more_than_pooling(tmp_path):
    """Such as the Dense of LaBSE; the option does without it."""
    folder = write_text_folder(tmp_path / 'a', dict(pooling_mode='mean'))
    write_modules(folder, 'Dense')
    message = 'made by Dense, too, which is not supported; to do without, set'
    with pytest.raises(ValueError, match=message):
        build(folder)
    assert build(folder, pooling='mean').pooling == 'mean'
    write_modules(folder, encoder='0_BERT')
    with pytest.raises(ValueError, match="lies in the folder '0_BERT'"):
        read_pooling(str(folder))
    (folder / 'modules.json').write_text('[{"type": 1}]')
    with pytest.raises(ValueError, match='modules.json: each module needs'):
        read_pooling(str(folder))


def test_says_nothing(tmp_path):
    assert read_pooling(str(tmp_path)) is None
    (tmp_path / 'modules.json').write_text('[]')
    assert read_pooling(str(tmp_path)) is None


def test_the_hub_cannot_be_asked(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmlangseg.text.sentence_transformers_folder.print_log',
        lambda text, *_: messages.append(text))
    assert read_pooling('someone/no-such-model') is None
    assert messages[0].startswith('someone/no-such-model: the hub cannot be')


def test_options(folder):
    with pytest.raises(ValueError, match="got 'average'"):
        build(folder, pooling='average')
    with pytest.raises(ValueError, match='the same in all sentences'):
        MODELS.build(
            dict(
                type='HuggingFaceTextEncoder',
                config=dict(
                    model_type='gpt2',
                    vocab_size=20,
                    n_embd=16,
                    n_layer=1,
                    n_head=2),
                pooling='cls'))
