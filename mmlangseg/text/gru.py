from __future__ import annotations
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .features import TextFeatures
from .words import describe_source, split_words

_NUMBER = re.compile(r'[-+.\de]*\d[-+.\de]*')


@MODELS.register_module()
class GRUTextEncoder(BaseModule):
    """Bidirectional GRU over word vectors.

    Words are the outputs of both directions side by side, the sentence is
    their last states. Checkpoints hold the words, so that their vectors find
    their places in a vocabulary that has changed. Words that are new in it
    keep the vectors of a GloVe file, others begin as unknown ones.

    Args:
        vocabulary (str | Sequence[str]): File with one word per line, or a
            GloVe text file (``word x1 x2 ...``), whose vectors are then used;
            or the words. Those that are not listed share one learned vector.
        hidden_channels (int): Channels of one direction; the output has twice
            as many.
        embed_dims (int): Channels of a learned word vector; a GloVe file
            brings its own.
        num_layers (int): GRU layers.
        freeze_vectors (bool): Keep the vectors of a GloVe file.
        pretrained_vectors (bool): Whether words that are given have vectors
            of a GloVe file in the checkpoint that is loaded next.
    """

    # what a checkpoint may have in another size
    resized_on_load = ('vectors.weight', )

    def __init__(self,
                 vocabulary: str | Sequence[str],
                 hidden_channels: int = 128,
                 embed_dims: int = 300,
                 num_layers: int = 1,
                 freeze_vectors: bool = False,
                 pretrained_vectors: bool = False) -> None:
        super().__init__()
        if isinstance(vocabulary, str):
            self.words, vectors = _read_vocabulary(Path(vocabulary))
        else:
            self.words, vectors = list(vocabulary), None
        self.has_vectors = vectors is not None
        self.is_pretrained = self.has_vectors or pretrained_vectors
        if vectors is not None:
            embed_dims = vectors.shape[1]
        # 0 is padding, 1 any unknown word.
        self.index = {word: i for i, word in enumerate(self.words, start=2)}
        self.vectors = nn.Embedding(
            len(self.words) + 2, embed_dims, padding_idx=0)
        if vectors is not None:
            self.vectors.weight.data[2:] = vectors
        elif freeze_vectors and isinstance(vocabulary, str):
            raise ValueError(f'freeze_vectors: {vocabulary} has no vectors to '
                             'keep; name a GloVe file as `vocabulary`')
        # also where words alone are given, whose vectors a checkpoint has
        self.vectors.weight.requires_grad_(not freeze_vectors)
        self.gru = nn.GRU(
            embed_dims,
            hidden_channels,
            num_layers,
            batch_first=True,
            bidirectional=True)
        self.out_channels = 2 * hidden_channels

    def get_extra_state(self) -> Tensor:
        """The words in the order of their vectors, as UTF-8 bytes."""
        text = '\n'.join(self.words).encode()
        return torch.frombuffer(bytearray(text), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Used up by the method below already."""

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args) -> None:
        words = state_dict.get(f'{prefix}_extra_state')
        name = f'{prefix}vectors.weight'
        if words is not None and name in state_dict:
            vectors = state_dict[name]
            state_dict[name] = self._reordered(
                vectors, words_of_state(words, vectors, prefix))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _reordered(self, vectors: Tensor, words: list[str]) -> Tensor:
        """Vectors (len(words) + 2, C) of other words, for this vocabulary."""
        rows = {word: i for i, word in enumerate(words, start=2)}
        lost = rows.keys() - self.index.keys()
        if lost:
            print_log(
                f'{len(lost)} of {len(rows)} words of the checkpoint are not '
                f'in the vocabulary and so unknown, such as {min(lost)!r}',
                'current', logging.WARNING)
        # 0 and 1 are the same in all vocabularies
        old = torch.tensor([0, 1, *(rows.get(w, 1) for w in self.words)])
        new = vectors[old]
        if self.has_vectors:
            own = (old == 1).nonzero()[1:, 0]
            new[own] = self.vectors.weight.detach().to(new)[own]
        return new

    def unknown_words(self, text: str) -> list[str]:
        """The words of a sentence that are not in the vocabulary."""
        return [
            word for word in dict.fromkeys(split_words(text))
            if word not in self.index
        ]

    def pretrained_parameters(self) -> Iterator[nn.Parameter]:
        """The vectors, if they come from a GloVe file."""
        return iter([self.vectors.weight] if self.is_pretrained else [])

    def forward(self, texts: list[str]) -> TextFeatures:
        """Encode S sentences; see :class:`TextFeatures`."""
        rows = [[self.index.get(word, 1) for word in split_words(text)] or [1]
                for text in texts]
        lengths = torch.tensor([len(row) for row in rows])
        ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows],
                                        batch_first=True)
        device = self.vectors.weight.device
        packed = pack_padded_sequence(
            self.vectors(ids.to(device)),
            lengths,
            batch_first=True,
            enforce_sorted=False)
        outputs, last = self.gru(packed)
        words = pad_packed_sequence(outputs, batch_first=True)[0]
        return TextFeatures(
            words=words,
            word_mask=(ids > 0).to(device),
            sentence=torch.cat([last[-2], last[-1]], dim=1))


def has_word_vectors(path: str | Path) -> bool:
    """Whether a file of words is there and has vectors behind them."""
    try:
        with open(path, encoding='utf-8-sig') as file:
            line = next(filter(str.strip, file), '')
    except (OSError, UnicodeDecodeError):
        return False
    return len(line.split()) > 1


def words_of_state(state: Tensor, vectors: Tensor, prefix: str) -> list[str]:
    """The words that ``_extra_state`` of a checkpoint holds.

    Args:
        state (Tensor): Their UTF-8 bytes, uint8.
        vectors (Tensor): (W + 2, C), their vectors.
        prefix (str): Of the encoder in the checkpoint, for the message.

    Raises:
        ValueError: They are something else, or not as many as the vectors.
    """
    kind = f'{state.dtype} {tuple(state.shape)}' if isinstance(
        state, Tensor) else type(state).__name__
    try:
        if not kind.startswith('torch.uint8'):
            raise ValueError(f'it is {kind}, not of torch.uint8')
        words = bytes(state.flatten().tolist()).decode().split('\n')
        count = len(vectors) if getattr(vectors, 'ndim', 0) == 2 else 0
        if count != len(words) + 2:
            raise ValueError(
                f'it has {len(words)} words, which need {len(words) + 2} rows '
                f'of {prefix}vectors.weight, and there are {count}')
    except ValueError as error:  # of decoding, too
        raise ValueError(
            f'{prefix}_extra_state must be the words of the GRU as UTF-8 '
            f'bytes, but {error}: take it, with the vectors, from the '
            'checkpoint of a training; it cannot be averaged') from None
    return words


def _read_vocabulary(path: Path) -> tuple[list[str], Tensor | None]:
    """Read words, and their vectors if the file has them."""
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such vocabulary; {describe_source(path)}')
    words: list[str] = []
    vectors: list[np.ndarray] = []
    with path.open(encoding='utf-8-sig') as file:
        for number, line in _numbered_lines(path, file):
            if not line.strip():
                continue
            word, *values = line.split()
            if vectors and len(values) > len(vectors[0]) > 0:
                # glove.840B has a few words with blanks inside
                word, *values = line.rsplit(maxsplit=len(vectors[0]))
                _check_one_word(path, number, word)
            try:
                vectors.append(np.array(values, dtype=np.float32))
            except ValueError:
                raise ValueError(
                    f'{path}:{number}: expected a word and numbers, got '
                    f'{line[:60]!r}') from None
            if len(vectors[-1]) != len(vectors[0]):
                raise ValueError(
                    f'{path}:{number}: {len(vectors[-1])} numbers, the first '
                    f'line has {len(vectors[0])}')
            if not np.isfinite(vectors[-1]).all():
                raise ValueError(
                    f'{path}:{number}: the vector of {word!r} is not finite; '
                    'remove the line, or download the file again')
            if '\0' in word:
                raise ValueError(f'{path}:{number}: it holds zero bytes and '
                                 'is not text. Download the file again')
            words.append(word)
    _check_words(path, words, channels=len(vectors[0]) if vectors else 0)
    return words, torch.from_numpy(np.stack(vectors)) if len(
        vectors[0]) else None


def _numbered_lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            yield number, line
    except UnicodeDecodeError as error:
        raise ValueError(
            f'{path}: no UTF-8 text behind line {number} ({error.reason}); '
            'it must have one word per line, or be a GloVe text file'
        ) from None


def _check_one_word(path: Path, number: int, word: str) -> None:
    """Refuse two lines in one, whose numbers would be part of a word."""
    if any(map(_NUMBER.fullmatch, word.split()[1:])):
        raise ValueError(
            f'{path}:{number}: numbers stand before other words, such as in '
            f'{word[:60]!r}: two lines are one. Download the file again')


def _check_words(path: Path, words: list[str], channels: int) -> None:
    """Refuse files of something else than words, all of which would be
    unknown."""
    if not words:
        raise ValueError(f'{path}: the vocabulary is empty')
    if channels == 1:
        raise ValueError(
            f'{path}: one number behind each word, such as a count, is no '
            'vector of it; leave words only, or name a GloVe text file')
    if not any(split_words(word) == [word] for word in words):
        raise ValueError(
            f'{path}: none of its {len(words)} lines, such as {words[0]!r}, '
            'is a word of a sentence in small letters: write one word per '
            'line, without marks around it, or name a GloVe text file')
    if all(map(_NUMBER.fullmatch, words)):
        raise ValueError(
            f'{path}: it has numbers in place of words, such as {words[0]!r}: '
            'every line must begin with a word')
