"""The files of models: text encoders, word vectors, checkpoints."""
from __future__ import annotations
from pathlib import Path

import torch
from less_model import WORDS, build, model_config
from mmengine.config import Config
from mmengine.registry import MODELS
from toy.text_model import write_text_model

from mmlangseg.apis.model import load_model
from .harness import Kind

SENTENCES = ('the red chair', 'a table left of the door')
# Weights lie between these, unlike those that a library makes up.
LOW, HIGH = 0.25, 0.5


def _mark(model: torch.nn.Module) -> None:
    for value in model.state_dict().values():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            value.copy_(
                torch.linspace(LOW, HIGH, value.numel()).view(value.shape))


def _unmarked(state: dict) -> str | None:
    """A weight that is not from the file, if there is one.

    NaN is: a training may diverge.
    """
    for name, value in state.items():
        made_up = (value < LOW) | (value > HIGH)
        if value.is_floating_point() and made_up.any():
            return f'{name} is not that of the file: {value.flatten()[:4]}'
    return None


def _make_text_model(folder: Path) -> None:
    from transformers import AutoModel
    path = folder / 'text_model'
    write_text_model(path, SENTENCES, hidden_size=8, num_layers=1)
    model = AutoModel.from_pretrained(path, add_pooling_layer=False)
    _mark(model)
    model.save_pretrained(path)


def _read_text_model(folder: Path) -> list:
    torch.manual_seed(0)
    encoder = MODELS.build(
        dict(
            type='HuggingFaceTextEncoder',
            pretrained=str(folder / 'text_model'))).eval()
    with torch.no_grad():
        text = encoder(list(SENTENCES))
    return [
        text.words, text.word_mask, text.sentence,
        dict(encoder.encoder.state_dict())
    ]


def _check_text_model(result: list) -> str | None:
    return _unmarked(result[3])


def _text_model(name: str, form: str, **more) -> Kind:
    return Kind(
        f'HuggingFace {name}',
        form,
        _make_text_model,
        f'text_model/{name}',
        _read_text_model,
        _check_text_model,
        names=('text_model', ),
        slow=True,
        **more)


def _make_words(folder: Path) -> None:
    (folder / 'words.txt').write_text('\n'.join(WORDS) + '\n')
    (folder / 'glove.txt').write_text(''.join(f'{word} {i / 8} -0.5 {i} 0.25\n'
                                              for i, word in enumerate(WORDS)))


def _words(name: str):

    def read(folder: Path) -> list:
        encoder = MODELS.build(
            dict(
                type='GRUTextEncoder',
                vocabulary=str(folder / name),
                hidden_channels=2,
                embed_dims=4))
        vectors = encoder.vectors.weight.detach()[2:]
        return [encoder.words, vectors if encoder.has_vectors else None]

    return read


def _check_words(result: list) -> str | None:
    words, vectors = result
    if any(not word.isprintable() or ' ' in word for word in words):
        return f'words such as {words[:3]}'
    if vectors is not None and not vectors.isfinite().all():
        return 'vectors are not finite'
    return None


def _make_checkpoint(folder: Path) -> None:
    model = build(model_config(folder))
    _mark(model)
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(epoch=1, iter=2)),
        folder / 'model.pth')


def _read_checkpoint(folder: Path) -> list:
    torch.manual_seed(0)
    config = Config(dict(default_scope='mmdet3d', model=model_config(folder)))
    model = load_model(config, str(folder / 'model.pth'), 'cpu')
    return [model.text_encoder.words, dict(model.state_dict())]


def _check_checkpoint(result: list) -> str | None:
    words, state = result
    strange = set(words) - set(WORDS)
    return f'the word {strange.pop()!r}' if strange else _unmarked(state)


MODEL_KINDS = (
    _text_model('config.json', 'json'),
    # tokenizers passes over fields of its file that it cannot read
    _text_model('tokenizer.json', 'json', lenient=True),
    _text_model('tokenizer_config.json', 'json'),
    # transformers turns numbers of any type into those of the network
    _text_model('model.safetensors', 'safetensors', lenient=True),
    Kind(
        'GRU words',
        'lines',
        _make_words,
        'words.txt',
        _words('words.txt'),
        _check_words,
        cut_is_seen=False),
    Kind(
        'GloVe vectors',
        'lines',
        _make_words,
        'glove.txt',
        _words('glove.txt'),
        _check_words,
        cut_is_seen=False),
    Kind(
        'checkpoint',
        'checkpoint',
        _make_checkpoint,
        'model.pth',
        _read_checkpoint,
        _check_checkpoint,
        names=('the checkpoint', ),
        slow=True),
)
