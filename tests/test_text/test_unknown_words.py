"""Words that a text encoder does not know."""
from __future__ import annotations
import logging
from types import SimpleNamespace

import pytest
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.registry import HOOKS, MODELS
from mmengine.structures import BaseDataElement
from text_folder import write_text_folder
from torch import nn

from mmlangseg.text import describe_unknown, unknown_words

TEXT = "The zebra is left of a Table, zebra's"


@pytest.fixture(params=['gru', 'huggingface'])
def encoder(request, tmp_path):
    if request.param == 'gru':
        words = 'the chair is red left of a table'.split()
        return MODELS.build(dict(type='GRUTextEncoder', vocabulary=words))
    write_text_folder(tmp_path)
    return MODELS.build(
        dict(type='HuggingFaceTextEncoder', pretrained=str(tmp_path)))


class Log:
    """Keeps warnings."""

    def __init__(self) -> None:
        self.messages = []

    def log(self, level: int, text: str) -> None:
        assert level == logging.WARNING
        self.messages.append(text)


def test_named_once_and_in_order(encoder):
    model = nn.ModuleDict(dict(student=nn.ModuleDict(dict(text=encoder))))
    found = unknown_words(model, TEXT)
    if type(encoder).__name__ == 'GRUTextEncoder':  # in lower case
        assert found == ['zebra', ',', "zebra's"]
    else:  # its tokenizer tells capitals apart
        assert found == ['The', 'zebra', 'Table', ',', "zebra's"]
    assert unknown_words(model, 'the table is red') == []
    assert unknown_words(model, '') == []
    assert unknown_words(nn.Linear(1, 1), TEXT) == []


def test_description():
    assert describe_unknown([]) == ''
    assert describe_unknown(['a', 'b']) == \
        "the text encoder does not know 'a', 'b'"
    assert describe_unknown(list('abcdefgh')).endswith("'f' and 2 more")


@pytest.mark.parametrize('split', ['val', 'test'])
def test_hook(encoder, split):
    """One warning, whatever the number of sentences and epochs."""
    scan = BaseDataElement(
        metainfo=dict(expressions=[
            dict(text='the table'),
            dict(text='a red zebra'),
            dict(text='a red zebra')
        ]))
    image = BaseDataElement(metainfo=dict(text='the okapi'))
    semantic = BaseDataElement(metainfo=dict(img_path='a.jpg'))
    hook = HOOKS.build(dict(type='UnknownWordsHook'))
    runner = SimpleNamespace(model=nn.ModuleList([encoder]), logger=Log())
    for _ in range(2):
        getattr(hook, f'before_{split}_epoch')(runner)
        for outputs in ([scan], [image, semantic]):
            getattr(hook, f'after_{split}_iter')(runner, 0, {}, outputs)
        getattr(hook, f'after_{split}_epoch')(runner, {})
    message, = runner.logger.messages
    assert message.startswith(
        "the text encoder does not know 'okapi', 'zebra'; masks of the 2 ")


def test_classes_under_augmentation():
    """tools/test.py --tta wraps the model."""

    class Views(BaseTTAModel):

        def merge_preds(self, views):
            return views

    class Segmentor(BaseModel):

        def forward(self):
            return None

        def describe_unknown_classes(self):
            return 'zebra'

    hook = HOOKS.build(dict(type='UnknownWordsHook'))
    runner = SimpleNamespace(model=Views(Segmentor()), logger=Log())
    hook.before_test_epoch(runner)
    assert runner.logger.messages == ['zebra']


def test_nothing_to_say(encoder):
    hook = HOOKS.build(dict(type='UnknownWordsHook'))
    runner = SimpleNamespace(model=nn.ModuleList([encoder]), logger=Log())
    hook.before_test_epoch(runner)
    known = BaseDataElement(metainfo=dict(text='the red table'))
    hook.after_test_iter(runner, 0, {}, [known])
    hook.after_test_epoch(runner, {})
    assert runner.logger.messages == []
