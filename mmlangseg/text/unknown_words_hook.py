from __future__ import annotations
import logging
from collections.abc import Iterator, Sequence

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn

from .unknown_words import describe_unknown, unknown_words


@HOOKS.register_module()
class UnknownWordsHook(Hook):
    """Say once which words of the test data the text encoder does not know.

    They are those of sentences, and of a model with a vocabulary those in the
    names of its classes. In a training the first validation is looked at.
    """

    def __init__(self) -> None:
        self._done = False
        # of sentences, all and those with unknown words
        self._seen: set[str] = set()
        self._unknown: dict[str, list[str]] = {}

    def before_val_epoch(self, runner: Runner) -> None:
        """Look at the names of the classes."""
        self._look_at_classes(runner)

    def before_test_epoch(self, runner: Runner) -> None:
        """Look at the names of the classes."""
        self._look_at_classes(runner)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[BaseDataElement]) -> None:
        """Look at the sentences of a batch."""
        self._look_at_sentences(runner, outputs)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[BaseDataElement]) -> None:
        """Look at the sentences of a batch."""
        self._look_at_sentences(runner, outputs)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Tell what was found in all processes."""
        self._tell(runner)

    def after_test_epoch(self, runner: Runner, metrics: dict) -> None:
        """Tell what was found in all processes."""
        self._tell(runner)

    def _look_at_classes(self, runner: Runner) -> None:
        model = _bare(runner.model)
        if not self._done and hasattr(model, 'describe_unknown_classes'):
            note = model.describe_unknown_classes()
            if note:
                runner.logger.log(logging.WARNING, note)

    def _look_at_sentences(self, runner: Runner,
                           outputs: Sequence[BaseDataElement]) -> None:
        if self._done:
            return
        for sample in outputs:
            for text in _sentences(sample):
                if text not in self._seen:
                    self._seen.add(text)
                    words = unknown_words(_bare(runner.model), text)
                    if words:
                        self._unknown[text] = words

    def _tell(self, runner: Runner) -> None:
        if self._done:
            return
        self._done = True
        unknown = {}
        for part in all_gather_object(self._unknown):
            unknown.update(part)
        self._seen.clear()
        if not unknown:
            return
        words = sorted(set().union(*unknown.values()))
        runner.logger.log(
            logging.WARNING,
            f'{describe_unknown(words)}; masks of the {len(unknown)} different'
            f' sentences with such words, for example {min(unknown)!r}, are '
            'guesses')


def _bare(model: nn.Module) -> nn.Module:
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def _sentences(sample: BaseDataElement) -> Iterator[str]:
    """What the model read for a sample."""
    if 'expressions' in sample:
        yield from (expression['text'] for expression in sample.expressions)
    elif isinstance(sample.get('text'), str):
        yield sample.text
