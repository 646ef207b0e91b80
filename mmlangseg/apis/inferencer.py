"""What the inferencers share: many inputs in one call, models by name."""
from __future__ import annotations
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from mmlangseg.cli.config_path import known_models
from mmlangseg.cli.progress import Progress
from mmlangseg.io.folder_files import list_files
from .out_folder import check_out_folder, check_result_names


class Outcome(NamedTuple):
    """What became of one of several inputs.

    Attributes:
        source: The file or array.
        result: What a call with it alone returns; None if it cannot be used.
        error: Why not.
    """

    source: Any
    result: Any
    error: Exception | None


class Inferencer:
    """Calls a model with one input, or with many.

    Subclasses define ``__call__`` of one input, with what is asked about it;
    it passes lists and folders to :meth:`all`. What cannot be used raises
    OSError, ValueError or ImportError.

    Attributes:
        show_progress (bool): Whether a call with many inputs shows how far it
            is. Defaults to True.
    """

    system: ClassVar[str]  # folder of its configs
    unit: ClassVar[str]  # name of several inputs
    suffixes: ClassVar[frozenset[str]]  # of what is read in folders
    other: ClassVar[str | None] = None  # end of names of what is not
    show_progress = True
    __call__: Callable[..., Any]

    @classmethod
    def list_models(cls) -> list[str]:
        """Names of the configs, which stand for their files.

        They are those of the metafiles that ``mim`` reads. No trained weights
        are published, so that a checkpoint belongs to a name, too.
        """
        return sorted(known_models(cls.system))

    def one(self, source: Any, query: Any, **options: Any) -> Any:
        """What :meth:`each` gives for a single input.

        Raises:
            OSError: It cannot be read; or ValueError or ImportError.
        """
        outcome, = self.each([source], query, **options)
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    def all(self, inputs: Any, query: Any, **options: Any) -> list:
        """What :meth:`each` gives, in a list.

        Raises:
            OSError: An input cannot be read; or ValueError or ImportError.
        """
        results = []
        sources = self.list_inputs(inputs)
        progress = Progress('inference', len(sources),
                            self.unit) if self.show_progress else None
        for outcome in self.each(sources, query, **options):
            if outcome.error is not None:
                raise outcome.error
            results.append(outcome.result)
            if progress is not None:
                progress.advance()
        return results

    def each(self,
             inputs: Any,
             query: Any,
             batch_size: int = 1,
             out_dir: str | os.PathLike | None = None,
             **options: Any) -> Iterator[Outcome]:
        """Go through inputs, of which a bad one does not stop the others.

        Args:
            inputs: See :meth:`list_inputs`.
            query: As in a call: the sentences, or the classes.
            batch_size: Inputs at a time.
            out_dir: Folder for pictures and files.
            **options: As in a call.

        Raises:
            OSError: Nothing can be written to ``out_dir``.
            ValueError: There is something wrong with the query, or results
                would be written over each other, or over an input.
        """
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size} must be at least 1')
        self.check_query(query, **options)
        sources = self.list_inputs(inputs)
        if out_dir is not None:
            check_out_folder(out_dir)
            check_result_names(
                sources, self.unit.removesuffix('s'),
                lambda name: self.result_names(name, query, **options),
                out_dir)
        for first in range(0, len(sources), batch_size):
            yield from self.infer_batch(
                sources[first:first + batch_size],
                query,
                batch_size=batch_size,
                out_dir=out_dir,
                **options)

    def check_query(self, query: Any, **options: Any) -> None:
        """Refuse what is wrong with any input."""

    def result_names(self, name: str, query: Any, **options: Any) -> list[str]:
        """Files that are written into ``out_dir``.

        Args:
            name: Of the input, without suffix; that of arrays is ``unit``
                without its s.
            query: See :meth:`each`.
            **options: As in a call.
        """
        return [f'{name}.json']

    def infer_batch(self, sources: Sequence, query: Any, batch_size: int,
                    **options: Any) -> Iterator[Outcome]:
        """Call the model with at most ``batch_size`` inputs: here one after
        the other."""
        for source in sources:
            try:
                yield Outcome(source, self(source, query, **options), None)
            except (OSError, ValueError, ImportError) as error:
                yield Outcome(source, None, error)

    @classmethod
    def list_inputs(cls, inputs: Any) -> list:
        """Files and arrays, one by one.

        Args:
            inputs: A file, a folder, whose files are taken in the order of
                their names but for hidden ones, an array, or a list of
                these.

        Raises:
            ValueError: A folder has no file of the kind, or the list is
                empty.
        """
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        sources: list = []
        for source in inputs:
            if isinstance(source, np.ndarray) or not os.path.isdir(source):
                sources.append(source)
                continue
            found = list_files(Path(source), cls.suffixes, other=cls.other)
            if not found:
                raise ValueError(f'folder {source} has no {cls.unit}, which '
                                 f'end in {", ".join(sorted(cls.suffixes))}')
            sources += found
        if not sources:
            raise ValueError(f'the list of {cls.unit} is empty')
        return sources


def is_many(source: Any) -> bool:
    """Whether an inferencer is called with several inputs."""
    return isinstance(source, (list, tuple)) or not isinstance(
        source, np.ndarray) and os.path.isdir(source)


def check_sentences(texts: str | Sequence[str]) -> list[str]:
    """One or several sentences as a list.

    Raises:
        ValueError: There is none, or one is empty.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if not texts:
        raise ValueError('texts is empty: give at least one sentence')
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f'Sentence {i + 1} is empty: {text!r}')
    return texts
