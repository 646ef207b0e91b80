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


def test_nothing_to_do(state):
    """Then the file is not even read."""
    model = dict(text_encoder=dict(type='CLIPTextTransformer'))
    use_saved_words(model, 'no_such_file.pth')
    assert model == dict(text_encoder=dict(type='CLIPTextTransformer'))
    model = dict(text_encoder=dict(type='GRUTextEncoder', vocabulary='a'))
    use_saved_words(model, {'backbone.weight': torch.ones(1)})
    assert model['text_encoder']['vocabulary'] == 'a'
