"""Building a GRU with the words of a checkpoint."""
from __future__ import annotations

import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

from mmlangseg.text import use_saved_words


@pytest.fixture
def state(tmp_path):
    path = tmp_path / 'words.txt'
    path.write_text('chair\nred\n')
    config = dict(
        type='GRUTextEncoder',
        vocabulary=str(path),
        hidden_channels=4,
        embed_dims=6)
    model = nn.ModuleDict(dict(text_encoder=MODELS.build(config)))
    return nn.ModuleDict(dict(student=model)).state_dict()


@pytest.mark.parametrize('as_file', [False, True])
def test_words_and_channels(state, tmp_path, as_file):
    model = dict(
        type='SemiRES',
        segmentor=dict(
            text_encoder=dict(
                type='GRUTextEncoder', vocabulary='gone', hidden_channels=4)))
    source = state
    if as_file:
        source = str(tmp_path / 'a.pth')
        torch.save(dict(state_dict=state), source)
    use_saved_words(model, source)
    config = model['segmentor']['text_encoder']
    assert config['vocabulary'] == ['chair', 'red']
    encoder = MODELS.build(config)
    assert encoder.vectors.weight.shape == (4, 6)


def test_vectors_of_a_resumed_training_are_pretrained(state, tmp_path):
    """They keep their own learning rate."""
    path = tmp_path / 'glove.txt'
    path.write_text('\nchair 1 2 3 4 5 6\nred 6 5 4 3 2 1\n')
    for file, pretrained in ((path, True), (tmp_path / 'words.txt', False),
                             (tmp_path / 'gone.txt', False)):
        model = dict(
            text_encoder=dict(
                type='GRUTextEncoder', vocabulary=str(file),
                hidden_channels=4))
        use_saved_words(model, state)
        encoder = MODELS.build(model['text_encoder'])
        found = list(encoder.pretrained_parameters())
        assert len(found) == pretrained
        assert all(each is encoder.vectors.weight for each in found)


EXTRA = 'student.text_encoder._extra_state'
VECTORS = 'student.text_encoder.vectors.weight'


@pytest.mark.parametrize('name, change, message', [
    (EXTRA, lambda v: v.float() / 2, r'it is torch.float32 \(9,\), not of'),
    (EXTRA, lambda v: 'chair\nred', 'it is str, not of torch.uint8'),
    (EXTRA, lambda v: v[:-4], 'has 1 words, which need 3 rows .* there are 4'),
    (EXTRA, lambda v: v | 128, 'codec can.t decode'),
    (EXTRA, lambda v: v.where(v != ord('r'), 10), 'it has 4 words'),
    (VECTORS, lambda v: v[1:], 'has 2 words, which need 4 .* there are 3'),
    (VECTORS, lambda v: v[0], 'there are 0'),
    (VECTORS, lambda v: None, 'there are 0'),
])
def test_words_of_another_kind(state, tmp_path, name, change, message):
    state = dict(state, **{name: change(state[name])})
    path = str(tmp_path / 'a.pth')
    torch.save(dict(state_dict=state), path)
    model = dict(text_encoder=dict(type='GRUTextEncoder', vocabulary='gone'))
    message = rf'student.text_encoder._extra_state must .* {message}.* averag'
    with pytest.raises(ValueError, match=rf'^.*a\.pth: {message}'):
        use_saved_words(model, path)
    encoder = MODELS.build(
        dict(
            type='GRUTextEncoder',
            vocabulary=['chair', 'red'],
            hidden_channels=4,
            embed_dims=6))
    if state[VECTORS] is not None:  # as a training loads it
        with pytest.raises(ValueError, match=message):
            nn.ModuleDict(
                dict(student=nn.ModuleDict(dict(
                    text_encoder=encoder)))).load_state_dict(state)


def test_no_weights_by_name(tmp_path):
    torch.save([torch.ones(1)], tmp_path / 'list.pth')
    model = dict(text_encoder=dict(type='GRUTextEncoder', vocabulary='a'))
    with pytest.raises(ValueError, match=r'list\.pth.* weights by name'):
        use_saved_words(model, str(tmp_path / 'list.pth'))


def test_nothing_to_do(state):
    """Then the file is not even read."""
    model = dict(text_encoder=dict(type='CLIPTextTransformer'))
    use_saved_words(model, 'no_such_file.pth')
    assert model == dict(text_encoder=dict(type='CLIPTextTransformer'))
    model = dict(text_encoder=dict(type='GRUTextEncoder', vocabulary='a'))
    use_saved_words(model, {'backbone.weight': torch.ones(1)})
    assert model['text_encoder']['vocabulary'] == 'a'
