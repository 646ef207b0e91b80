from __future__ import annotations

import pytest
import torch
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import load_state_dict

import mmlangseg.text  # noqa: F401  (registers the encoders)
from mmlangseg.engine import require_matching_checkpoint
from mmlangseg.text import split_words


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / 'words.txt'
    path.write_text('the\nchair\nis\nred\n.\n')
    return path


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / 'glove.txt'
    path.write_text('the 1 2 3\n. . 4 5 6\n\nchair 0.5 -1 2e-1\n')
    return path


def build(path, **settings):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='GRUTextEncoder',
            vocabulary=str(path),
            **dict(hidden_channels=4, **settings)))


def test_split_words():
    assert split_words("The chair's RED, 2nd.") == [
        'the', "chair's", 'red', ',', '2nd', '.'
    ]


def test_byte_order_mark(vocabulary):
    """It is no part of the first word."""
    encoder = build(vocabulary)
    vocabulary.write_text(vocabulary.read_text(), encoding='utf-8-sig')
    torch.testing.assert_close(
        build(vocabulary)(['the']).sentence,
        encoder(['the']).sentence)


def test_words_and_sentence(vocabulary):
    encoder = build(vocabulary, embed_dims=6)
    assert encoder.out_channels == 8
    text = encoder(['the chair is red .', 'Red chair'])
    assert text.words.shape == (2, 5, 8)
    assert text.word_mask.tolist() == [[True] * 5, [True] * 2 + [False] * 3]
    # The sentence is the end of the forward and the start of the backward
    # direction.
    last = torch.stack([text.words[0, 4, :4], text.words[1, 1, :4]])
    torch.testing.assert_close(text.sentence[:, :4], last)
    torch.testing.assert_close(text.sentence[:, 4:], text.words[:, 0, 4:])


@pytest.mark.parametrize('num_layers', [1, 2])
def test_padding_changes_nothing(vocabulary, num_layers):
    encoder = build(vocabulary, num_layers=num_layers)
    together = encoder(['the chair is red .', 'red chair', 'chair'])
    for i, sentence in enumerate(['the chair is red .', 'red chair', 'chair']):
        alone = encoder([sentence])
        torch.testing.assert_close(together.sentence[i], alone.sentence[0])
        torch.testing.assert_close(together.words[i][together.word_mask[i]],
                                   alone.words[0])


def test_sentence_in_front_of_the_words(vocabulary):
    text = build(vocabulary)(['the chair is red .', 'red chair'])
    words, mask = text.with_sentence()
    assert torch.equal(words[:, 0], text.sentence)
    assert torch.equal(words[:, 1:], text.words)
    assert mask.tolist() == [[True] * 6, [True] * 3 + [False] * 3]


def test_unknown_words_share_a_vector(vocabulary):
    encoder = build(vocabulary)
    a, b, c, empty = (
        encoder([t]).sentence
        for t in ('the lamp', 'the sofa', 'the chair', ''))
    assert torch.equal(a, b) and not torch.equal(a, c)
    torch.testing.assert_close(empty, encoder(['sofa']).sentence)


@pytest.mark.parametrize('frozen', [True, False])
def test_glove(glove, frozen):
    encoder = build(glove, freeze_vectors=frozen)
    weight = encoder.vectors.weight
    assert weight.shape == (5, 3)
    assert weight.requires_grad != frozen
    assert weight[encoder.index['chair']].tolist() == pytest.approx(
        [0.5, -1, 0.2])
    assert weight[encoder.index['. .']].tolist() == [4, 5, 6]
    encoder(['the chair']).sentence.sum().backward()
    assert (weight.grad is None) == frozen


def test_init_weights_keeps_the_vectors(glove):
    encoder = build(glove)
    encoder.init_weights()
    assert encoder.vectors.weight[encoder.index['the']].tolist() == [1, 2, 3]


@pytest.mark.parametrize('content, message', [
    ('the 1 2\nchair 1 x\n', r'words.txt:2: expected a word and numbers'),
    ('the 1 2\nchair 1\n', r'words.txt:2: 1 numbers, the first line has 2'),
    ('\n \n', 'the vocabulary is empty'),
    ('the 1 2\nchair 1 nan\n',
     r"words.txt:2: the vector of 'chair' is not fin"),
    ('the 1 2\nchair 1 1e99\n', r"words.txt:2: the vector of 'chair' is not"),
    ('the 120\nchair 7\n', 'words.txt: one number behind each word'),
    ('the,120\nchair,7\n', r"words.txt: none of its 2 lines, such as 'the,12"),
    ('["the"]\n', 'words.txt: none of its 1 lines'),
    ('The\nCHAIR\n', 'words.txt: none of its 2 lines'),
    ('the 1 2\nchair 1 2door 1 2\n', 'words.txt:2: numbers stand before'),
    ('the 1 2\nch\0air 1 2\n', 'words.txt:2: it holds zero bytes'),
    ('12\n7\n', "words.txt: it has numbers in place of words, such as '12'"),
])
def test_malformed_files(tmp_path, content, message):
    path = tmp_path / 'words.txt'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        build(path)


def test_no_utf_8(tmp_path):
    path = tmp_path / 'words.txt'
    path.write_bytes(b'the\nst\xfchle\n')
    with pytest.raises(ValueError, match=r'words\.txt: no UTF-8 text'):
        build(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such vocabulary'):
        build(tmp_path / 'none.txt')


def test_vectors_find_their_words_in_another_vocabulary(
        vocabulary, tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr('mmlangseg.text.gru.print_log',
                        lambda text, *_: messages.append(text))
    trained = build(vocabulary, embed_dims=6)
    other = tmp_path / 'other.txt'
    other.write_text('lamp\nred\nchair\nthe\n')
    encoder = build(other, embed_dims=6)
    load_state_dict(encoder, trained.state_dict(), strict=True)
    require_matching_checkpoint(encoder, trained.state_dict())
    assert [m[:30] for m in messages] == ['2 of 5 words of the checkpoint']
    texts = ['the red chair', 'red', 'the lamp']
    expected, found = trained(texts), encoder(texts)
    torch.testing.assert_close(found.sentence, expected.sentence)
    torch.testing.assert_close(found.words, expected.words)
    # one more word than in the checkpoint
    assert encoder.vectors.weight.shape == (6, 6)
    assert set(encoder.state_dict()) == set(trained.state_dict())


def test_new_words_of_a_glove_file_keep_their_vectors(vocabulary, glove):
    trained = build(vocabulary, embed_dims=3)
    encoder = build(glove)
    encoder.load_state_dict(trained.state_dict())
    vectors = encoder.vectors.weight[2:]
    torch.testing.assert_close(vectors[0], trained.vectors.weight[2])
    torch.testing.assert_close(vectors[2], trained.vectors.weight[3])
    more = glove.with_name('more.txt')
    more.write_text('the 1 2 3\nlamp 7 8 9\n')
    encoder = build(more)
    encoder.load_state_dict(trained.state_dict())
    torch.testing.assert_close(encoder.vectors.weight[3],
                               torch.tensor([7., 8., 9.]))


def test_other_channels_are_another_model(vocabulary, glove):
    with pytest.raises(ValueError, match='of another model'):
        require_matching_checkpoint(
            build(glove),
            build(vocabulary, embed_dims=6).state_dict())


def test_vectors_stay_frozen_when_training_resumes(vocabulary, glove):
    """Then the words come from the checkpoint, without their vectors."""
    settings = dict(
        type='GRUTextEncoder', hidden_channels=4, freeze_vectors=True)
    words = build(glove).words
    encoder = MODELS.build(dict(vocabulary=words, embed_dims=3, **settings))
    assert not encoder.vectors.weight.requires_grad
    with pytest.raises(ValueError, match='words.txt has no vectors to keep'):
        MODELS.build(dict(vocabulary=str(vocabulary), **settings))
