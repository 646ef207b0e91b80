from __future__ import annotations
import json
import shutil
import warnings

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from text_folder import SETTINGS, WORDS, write_text_folder
from transformers import RobertaModel

import mmlangseg.text  # noqa: F401  (registers the encoders)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_text_folder(tmp_path_factory.mktemp('roberta'))


def build(**settings):
    return MODELS.build(dict(type='HuggingFaceTextEncoder', **settings))


def test_words_and_sentence(folder):
    encoder = build(pretrained=str(folder)).eval()
    text = encoder(['the chair is red', 'the lamp'])
    assert encoder.out_channels == 16
    # <s> is the sentence; </s> is a word
    assert text.words.shape == (2, 5, 16)
    assert text.word_mask.tolist() == [[True] * 5, [True] * 3 + [False] * 2]
    reference = RobertaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = reference(torch.tensor([[0, 4, 13, 2]])).last_hidden_state
    torch.testing.assert_close(text.sentence[1], hidden[0, 0])
    torch.testing.assert_close(text.words[1, :3], hidden[0, 1:])


@pytest.mark.parametrize('model_type, last', [
    ('clip_text_model', True),
    ('gpt2', True),
    ('bert', False),
    ('mpnet', False),
])
def test_the_sentence_knows_all_words(model_type, last):
    encoder = build(
        config=dict(
            model_type=model_type,
            vocab_size=20,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=24)).eval()
    ids = torch.tensor([[0, 4, 5, 2, 1], [0, 4, 6, 7, 2], [0, 4, 6, 8, 2]])
    mask = torch.ones_like(ids)
    mask[0, 4] = 0
    with torch.no_grad():
        text = encoder.encode(ids, mask)
        alone = encoder.encode(ids[:1, :4], mask[:1, :4])
    assert encoder.left_to_right == last
    assert not torch.allclose(*text.sentence[1:], atol=1e-4)
    torch.testing.assert_close(text.sentence[:1], alone.sentence)
    if last:
        torch.testing.assert_close(text.sentence[0], text.words[0, 2])


def test_added_tokens_do_not_make_it_causal(folder, tmp_path):
    """Their vectors are equal, or nearly so."""
    model = RobertaModel.from_pretrained(folder)
    model.resize_token_embeddings(24)
    model.embeddings.word_embeddings.weight.data[20:] = 0
    model.save_pretrained(tmp_path)
    encoder = build(pretrained=str(tmp_path), tokenizer=str(folder))
    assert not encoder.left_to_right


def test_weights_in_half_precision(folder, tmp_path):
    RobertaModel.from_pretrained(folder).half().save_pretrained(tmp_path)
    encoder = build(pretrained=str(tmp_path), tokenizer=str(folder))
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


def test_not_only_of_texts():
    with pytest.raises(ValueError, match='clip is not an encoder of texts'):
        build(
            config=dict(
                model_type='clip',
                text_config=dict(num_hidden_layers=1),
                vision_config=dict(num_hidden_layers=1)))


def test_init_weights_keeps_pretrained_weights(folder):

    class Model(BaseModule):

        def __init__(self):
            super().__init__()
            self.text = build(pretrained=str(folder))

    model = Model()
    model.init_weights()
    expected = RobertaModel.from_pretrained(folder).state_dict()
    state = model.text.encoder.state_dict()
    assert state and all(
        torch.equal(value, expected[name]) for name, value in state.items())


def test_every_parameter_gets_a_gradient(folder):
    encoder = build(pretrained=str(folder)).train()
    text = encoder(['the chair', 'a red door'])
    (text.words.sum() + text.sentence.square().sum()).backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_overlong_sentences_are_cut_with_a_warning(folder):
    # 12 positions, of which RoBERTa cannot use the first two
    encoder = build(pretrained=str(folder)).eval()
    assert encoder.max_length == 10
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        fits = encoder(['the ' * 8, 'a lamp'])
    assert fits.words.shape[1] == 9
    with pytest.warns(UserWarning, match='of 11 tokens is cut to 10: "the'):
        cut = encoder(['the ' * 9, 'a lamp'])
    torch.testing.assert_close(cut.words, fits.words)
    with pytest.warns(UserWarning, match='cut to 4'):
        short = build(pretrained=str(folder), max_length=4)(['the ' * 5])
    assert short.words.shape[1] == 3


def test_slicing_drops_the_closing_token(folder):
    sentence = 'the chair is red'  # <s> the chair is red </s>
    settings = dict(pretrained=str(folder), max_length=4)
    with pytest.warns(UserWarning, match='of 6 tokens is cut to 4'):
        cut = build(truncation='slice', **settings).eval()([sentence])
    reference = RobertaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        sliced, truncated = (
            reference(torch.tensor([ids])).last_hidden_state
            for ids in ([0, 4, 5, 6], [0, 4, 5, 2]))
    torch.testing.assert_close(cut.with_sentence()[0], sliced)
    with pytest.warns(UserWarning, match='of 6 tokens is cut to 4'):
        cut = build(**settings).eval()([sentence])
    torch.testing.assert_close(cut.with_sentence()[0], truncated)
    with pytest.raises(ValueError, match="'truncate' or 'slice', got 'cut'"):
        build(truncation='cut', **settings)


def test_sentence_in_front_of_the_words(folder):
    """All tokens of the encoder."""
    encoder = build(pretrained=str(folder)).eval()
    tokens, mask = encoder(['the chair is red', 'the lamp']).with_sentence()
    assert mask.tolist() == [[True] * 6, [True] * 4 + [False] * 2]
    reference = RobertaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = reference(torch.tensor([[0, 4, 13, 2]])).last_hidden_state
    torch.testing.assert_close(tokens[1, :4], hidden[0])


def test_trainable_layers(folder):
    encoder = build(pretrained=str(folder), trainable_layers=[0]).train()
    encoder(['the lamp']).words.square().sum().backward()
    trained = {
        name
        for name, p in encoder.named_parameters() if p.grad is not None
    }
    assert trained == {
        name
        for name, p in encoder.named_parameters() if '.layer.0.' in name
    } != set()
    with pytest.raises(ValueError, match=r'layers 0 to 1, not \[2\]'):
        build(pretrained=str(folder), trainable_layers=[0, 2])
    with pytest.raises(ValueError, match='leave out `trainable_layers`'):
        build(pretrained=str(folder), trainable_layers=[0], frozen=True)


def test_frozen(folder):
    encoder = build(pretrained=str(folder), frozen=True).train()
    assert not encoder.encoder.training
    assert not encoder(['the lamp']).words.requires_grad
    assert not any(p.requires_grad for p in encoder.parameters())


def test_config_overrides(folder):
    encoder = build(
        pretrained=str(folder),
        config_overrides=dict(
            hidden_dropout_prob=0., attention_probs_dropout_prob=0.)).train()
    a, b = encoder(['the lamp']).words, encoder(['the lamp']).words
    assert torch.equal(a, b)
    with pytest.raises(ValueError, match='has no hidden_dropout$'):
        build(pretrained=str(folder), config_overrides=dict(hidden_dropout=0.))


def test_random_weights(folder):
    encoder = build(
        config=dict(model_type='roberta', **SETTINGS), tokenizer=str(folder))
    assert encoder(['the lamp']).words.shape == (1, 3, 16)
    with pytest.raises(ValueError, match='set `tokenizer`'):
        build(config=dict(model_type='roberta', **SETTINGS))(['the lamp'])


@pytest.mark.parametrize(
    'settings',
    [dict(), dict(pretrained='x', config=dict(model_type='bert'))])
def test_either_weights_or_architecture(settings):
    with pytest.raises(ValueError, match='either `pretrained` or `config`'):
        build(**settings)


def test_bert_uses_all_positions():
    encoder = build(
        config=dict(
            model_type='bert',
            **{
                **SETTINGS, 'pad_token_id': 0,
                'type_vocab_size': 2
            }))
    assert encoder.max_length == 12


def test_missing_weights(folder, tmp_path):
    """transformers would draw them at random; the pooler is not used."""
    model = RobertaModel.from_pretrained(folder)
    weights = model.state_dict()
    for name in list(weights):
        if name.startswith('pooler.'):
            del weights[name]
    model.save_pretrained(tmp_path, state_dict=weights)
    build(pretrained=str(tmp_path), tokenizer=str(folder))
    del weights['encoder.layer.1.output.dense.bias']
    model.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(
            ValueError,
            match=f'{tmp_path}: .* lacks 1 of .*'
            'encoder.layer.1.output.dense.bias'):
        build(pretrained=str(tmp_path), tokenizer=str(folder))
    with pytest.raises(ValueError, match=f'{folder}: .* is of another model'):
        build(pretrained=str(folder), config_overrides=dict(vocab_size=9))
    with pytest.raises(ValueError, match='lacks 16 of .*encoder.layer.2'):
        build(
            pretrained=str(folder), config_overrides=dict(num_hidden_layers=3))


def test_tokenizer_that_panics_at_its_first_sentence(folder, tmp_path):
    """In Rust code, whose panics are no Exception."""
    shutil.copytree(folder, tmp_path / 'model')
    path = tmp_path / 'model' / 'tokenizer.json'
    content = json.loads(path.read_text())
    tokens = content['post_processor']['special_tokens']
    tokens['</s>x'] = tokens.pop('</s>')
    path.write_text(json.dumps(content))
    encoder = build(pretrained=str(tmp_path / 'model'))
    with pytest.raises(ValueError, match='model: the tokenizer is damaged'):
        encoder(['the chair'])


def test_tokenizer_without_an_opening_token(folder, tmp_path):
    """The first word was left out, and a sentence of one word had none, of
    which attention makes NaN."""
    shutil.copytree(folder, tmp_path / 'model')
    path = tmp_path / 'model' / 'tokenizer.json'
    content = json.loads(path.read_text())
    content['post_processor'] = None
    path.write_text(json.dumps(content))
    encoder = build(pretrained=str(tmp_path / 'model')).eval()
    features = encoder(['lamp', 'the red lamp'])
    assert features.word_mask.tolist() == [[True, False, False], [True] * 3]
    ids = torch.tensor([[WORDS.index(w) + 4 for w in 'the red lamp'.split()]])
    reference = RobertaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = reference(ids).last_hidden_state
    torch.testing.assert_close(features.words[1], hidden[0])
