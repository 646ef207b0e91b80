"""Damaged folders of pretrained networks, and such of other models."""
from __future__ import annotations
import json
import shutil

import pytest
import torch
from mmengine.registry import MODELS
from safetensors.torch import load_file, save_file
from text_folder import write_text_folder
from transformers import RobertaConfig, RobertaForMaskedLM

import mmlangseg.text  # noqa: F401  (registers the encoders)
from mmlangseg.io.huggingface_folder import load_huggingface_network


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return write_text_folder(tmp_path_factory.mktemp('roberta'))


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / 'roberta')


def encode(folder, **settings):
    encoder = MODELS.build(
        dict(
            type='HuggingFaceTextEncoder', pretrained=str(folder), **settings))
    return encoder(['the red lamp'])


def change(path, **values):
    content = json.loads(path.read_text())
    content.update(values)
    path.write_text(
        json.dumps({
            k: v
            for k, v in content.items() if v is not ...
        }))


@pytest.mark.parametrize('values, message', [
    (dict(model_type=...), 'config.json is damaged .*model_type'),
    (dict(hidden_size='x'), r'config.json .*hidden_size'),
    (dict(hidden_act='no'), r'config.json or the weights .*no'),
    (dict(hidden_size=32), r'bias is \(16,\) in the file of the weights'),
    (dict(vocab_size=10), r'word_embeddings.weight is \(20, 16\)'),
    (dict(num_hidden_layers=1), 'num_hidden_layers must be that of the'),
    (dict(num_hidden_layers=3), 'lacks 16 of .*encoder.layer.2.'),
    (dict(model_type='gpt2'), 'the file of the weights lacks'),
])
def test_config(folder, values, message):
    change(folder / 'config.json', **values)
    with pytest.raises(ValueError, match=message) as error:
        encode(folder)
    assert str(folder) in str(error.value)
    assert 'download the model again' in str(error.value)


@pytest.mark.parametrize(
    'name', ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
@pytest.mark.parametrize('content, message', [
    (b'{"a": ', 'is damaged: '),
    (b'\xff\xfe', 'is damaged: '),
    (b'[1, 2]', r'must hold a dict, not .\[1, 2\]'),
])
def test_no_json(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        encode(folder)
    assert str(folder / name) in str(error.value)


@pytest.mark.parametrize('content', [b'', b'\x08' + b'\0' * 100])
def test_damaged_weights(folder, content):
    (folder / 'model.safetensors').write_bytes(content)
    with pytest.raises(ValueError, match='the weights is damaged') as error:
        encode(folder)
    assert str(folder) in str(error.value)


def test_weights_that_are_not_there(folder):
    """transformers gives them random values."""
    weights = load_file(folder / 'model.safetensors')
    part = {k: v for k, v in weights.items() if '.layer.1.' not in k}
    save_file(part, folder / 'model.safetensors', dict(format='pt'))
    with pytest.raises(ValueError, match='weights lacks 16 of'):
        encode(folder)


def test_weights_that_are_no_numbers(folder):
    weights = load_file(folder / 'model.safetensors')
    weights['embeddings.word_embeddings.weight'][:] = float('nan')
    save_file(weights, folder / 'model.safetensors', dict(format='pt'))
    with pytest.raises(ValueError, match='features are not finite'):
        encode(folder)


def test_tokenizer_without_words(folder):
    """transformers makes one of special tokens: all words are unknown."""
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        (folder / name).unlink()
    with pytest.raises(ValueError, match='tokenizer knows no word') as error:
        encode(folder)
    assert str(folder) in str(error.value)


def test_tokenizer_of_another_model(whole, folder):
    path = folder / 'tokenizer.json'
    content = json.loads(path.read_text())
    content['model']['vocab']['lamp'] = 25
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='token 25, the encoder has 20'):
        encode(whole, tokenizer=str(folder))
    shutil.copy(whole / 'tokenizer.json', path)
    change(folder / 'tokenizer_config.json', pad_token=...)
    with pytest.raises(ValueError, match='no token for padding: name one'):
        encode(folder)
    change(folder / 'tokenizer_config.json', pad_token='</s>')
    with pytest.raises(ValueError, match='padding of the tokenizer is token'):
        encode(folder)


def test_no_such_model(tmp_path):
    with pytest.raises(OSError, match='is no folder, and was not found'):
        encode(tmp_path / 'none')


def test_whole_models_are_read(whole, tmp_path):
    """Also with a head, and with fewer layers on purpose."""
    encode(whole)
    torch.manual_seed(0)
    settings = json.loads((whole / 'config.json').read_text())
    model = RobertaForMaskedLM(RobertaConfig(**settings))
    model.save_pretrained(tmp_path)
    network = load_huggingface_network(str(tmp_path))
    expected = model.roberta.embeddings.word_embeddings.weight
    assert torch.equal(network.embeddings.word_embeddings.weight, expected)
    network = load_huggingface_network(
        str(tmp_path), dict(num_hidden_layers=1))
    assert len(network.encoder.layer) == 1
