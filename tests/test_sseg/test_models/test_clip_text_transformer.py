import math

import pytest
import torch
from mmseg.registry import MODELS
from mmseg.utils.tokenizer import tokenize
from torch.nn.functional import layer_norm, linear, softmax

import mmlangseg.sseg  # noqa: F401  (registers the encoder)

SENTENCES = [
    'A yellow rubber duck sits in water.', 'cat', '', 'dog ' * 100,
    'Ünïcode 犬 & <b>marks</b>'
]


def build(**changes):
    torch.manual_seed(0)
    config = dict(embed_dims=16, num_layers=2, num_heads=2)
    return MODELS.build(
        dict(type='CLIPTextTransformer', **{
            **config,
            **changes
        })).eval()


def reference(encoder, ids):
    """One sentence, written out: no batch, no cropping, explicit mask."""
    x = encoder.token_embedding.weight[
        ids] + encoder.position_embedding[:len(ids)]
    width, heads = x.shape[1], encoder.layers[0].num_heads
    for layer in encoder.layers:
        h = layer_norm(x, (width, ), layer.ln1.weight, layer.ln1.bias)
        q, k, v = linear(h, layer.qkv.weight, layer.qkv.bias).chunk(3, dim=1)
        outputs = []
        for a, b, c in zip(*(t.chunk(heads, dim=1) for t in (q, k, v))):
            scores = a @ b.t() / math.sqrt(width / heads)
            future = torch.ones_like(scores).triu(1) == 1
            outputs.append(softmax(scores.masked_fill(future, -9e9), 1) @ c)
        x = x + layer.proj(torch.cat(outputs, dim=1))
        h = layer.fc1(layer.ln2(x))
        x = x + layer.fc2(h / (1 + torch.exp(-1.702 * h)))
    return encoder.ln_final(x)


def test_equals_the_plain_formula():
    encoder = build()
    features = encoder(SENTENCES)
    assert features.sentence.shape == (5, 16) and encoder.out_channels == 16
    for i, ids in enumerate(tokenize(SENTENCES)):
        expected = reference(encoder, ids)  # all 77 places
        end = int((ids == 49407).nonzero()[0])
        torch.testing.assert_close(features.sentence[i], expected[end])
        words = features.words[i][features.word_mask[i]]
        torch.testing.assert_close(words, expected[1:end])


def test_a_sentence_does_not_depend_on_the_others():
    encoder = build()
    together = encoder(SENTENCES).sentence
    for text, expected in zip(SENTENCES, together):
        torch.testing.assert_close(encoder([text]).sentence[0], expected)


def test_long_sentences_end_at_the_last_place():
    encoder = build(context_length=5)
    features = encoder(['dog ' * 100, 'cat'])
    assert features.words.shape == (2, 4, 16)
    assert features.word_mask.sum(1).tolist() == [3, 1]
    same = encoder(['dog dog dog', 'cat'])
    torch.testing.assert_close(features.sentence, same.sentence)


def test_gradient_reaches_everything_but_absent_words():
    encoder = build()
    encoder(['a red cat', 'dog']).sentence.square()[:, 1:].sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
    used = encoder.token_embedding.weight.grad.abs().sum(1) > 0
    ids = tokenize(['a red cat', 'dog'])
    assert set(
        used.nonzero()[:, 0].tolist()) == set(ids.flatten().tolist()) - {0}
    assert not encoder.position_embedding.grad[5:].any()


def test_initial_values_and_size():
    encoder = build(embed_dims=64, num_layers=8)
    assert encoder.token_embedding.weight.std().item() == pytest.approx(
        0.02, 0.05)
    assert encoder.position_embedding.std().item() == pytest.approx(0.01, 0.05)
    layer = encoder.layers[3]
    for weight, std in [(layer.qkv.weight, 64**-0.5),
                        (layer.proj.weight, 64**-0.5 / 4),
                        (layer.fc1.weight, 128**-0.5),
                        (layer.fc2.weight, 64**-0.5 / 4)]:
        assert weight.std().item() == pytest.approx(std, 0.05)
    with torch.device('meta'):
        paper = MODELS.get('CLIPTextTransformer')(vocab_size=49408)
    # the reference computes 22.1 million, of which 12.6 million words
    millions = sum(p.numel() for p in paper.parameters()) / 1e6
    assert millions == pytest.approx(22.1, abs=0.1)


def test_runs_under_autocast():
    encoder = build()
    with torch.autocast('cpu', torch.bfloat16):
        low = encoder(SENTENCES).sentence
    torch.testing.assert_close(
        low.float(), encoder(SENTENCES).sentence, atol=0.05, rtol=0.05)


@pytest.mark.parametrize('bad, message', [
    (dict(vocab_size=100), 'vocab_size=100 is too small'),
    (dict(context_length=1), 'at least 2'),
    (dict(num_heads=3), 'cannot be divided'),
])
def test_bad_arguments(bad, message):
    with pytest.raises(ValueError, match=message):
        build(**bad)


def test_pretrained_only_if_a_checkpoint_is_named():
    config = dict(
        type='CLIPTextTransformer', embed_dims=8, num_layers=1, num_heads=1)
    assert not list(MODELS.build(config).pretrained_parameters())
    for init_cfg in (dict(type='Pretrained', checkpoint='a.pth'),
                     [dict(type='Pretrained', checkpoint='a.pth')]):
        model = MODELS.build(dict(config, init_cfg=init_cfg))
        assert len(list(model.pretrained_parameters())) == len(
            list(model.parameters()))
