from __future__ import annotations
import warnings
from collections.abc import Iterator, Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from mmlangseg.io.huggingface_folder import (load_huggingface_network,
                                             naming_the_model)
from .features import TextFeatures
from .pooling import POOLING_MODES, pool_tokens
from .sentence_transformers_folder import read_pooling
from .words import split_words

# Models that count positions from the padding index + 1.
_OFFSET_POSITIONS = ('roberta', 'xlm-roberta', 'mpnet', 'camembert')


@MODELS.register_module()
class HuggingFaceTextEncoder(BaseModule):
    """Any encoder of the transformers library: RoBERTa, BERT, MPNet, ...

    The sentence is what the model says, if it is one of sentence-transformers
    (``modules.json``), for example the mean of all tokens of MiniLM. Of
    others it is the first token, or the last one where the encoder reads from
    left to right, as CLIP's and GPT do. All but the opening one are the words
    (the closing token included, as in the released LESS code); GPT has no
    such tokens. Weights are kept in float32, whatever they are stored in.

    Args:
        pretrained (str, optional): Name on the hub or directory of the
            weights. None starts from random weights of the architecture
            ``config``.
        config (dict, optional): Arguments of ``AutoConfig.for_model``, with
            ``model_type``; for ``pretrained=None``.
        tokenizer (str, optional): Name or directory of the tokenizer.
            Defaults to ``pretrained``.
        max_length (int, optional): Longest sentence in tokens; longer ones
            are cut, with a warning. Defaults to the encoder's own limit.
        truncation (str): How a sentence is cut: 'truncate' keeps the closing
            token, 'slice' drops it with the rest, as in the released LAVT
            code.
        frozen (bool): Keep the encoder's weights.
        trainable_layers (Sequence[int], optional): Train these layers only,
            and keep the others and the embeddings. Trains everything by
            default.
        config_overrides (dict, optional): Entries of the pretrained config to
            replace, such as dropout probabilities.
        pooling (str, optional): How the tokens become the sentence, see
            :func:`pool_tokens`. Defaults to what the model says, see above.

    Raises:
        OSError: There is no such pretrained model.
        ValueError: Options contradict each other, it is not an encoder of
            texts, or a file of it is damaged or of another model.
    """

    def __init__(self,
                 pretrained: str | None = None,
                 config: dict | None = None,
                 tokenizer: str | None = None,
                 max_length: int | None = None,
                 truncation: str = 'truncate',
                 frozen: bool = False,
                 trainable_layers: Sequence[int] | None = None,
                 config_overrides: dict | None = None,
                 pooling: str | None = None) -> None:
        super().__init__()
        if (pretrained is None) == (config is None):
            raise ValueError('HuggingFaceTextEncoder needs either '
                             '`pretrained` or `config`')
        if truncation not in ('truncate', 'slice'):
            raise ValueError("truncation must be 'truncate' or 'slice', got "
                             f'{truncation!r}')
        if frozen and trainable_layers is not None:
            raise ValueError('`frozen` keeps all weights: leave out '
                             '`trainable_layers`')
        if pooling not in (None, *POOLING_MODES):
            raise ValueError(f'pooling must be one of {POOLING_MODES}, got '
                             f'{pooling!r}')
        if pretrained is None:
            from transformers import AutoConfig, AutoModel
            hf_config = AutoConfig.for_model(**{
                **(config or {}),
                **(config_overrides or {})
            })
            self.encoder = AutoModel.from_config(hf_config)
        else:
            self.encoder = load_huggingface_network(pretrained,
                                                    config_overrides)
            hf_config = self.encoder.config
        if not hasattr(hf_config, 'hidden_size'):
            raise ValueError(
                f'{pretrained or hf_config.model_type} is not an encoder of '
                f'texts but a {type(self.encoder).__name__}; save its text '
                'part, such as CLIPTextModel, into a folder of its own')
        # mixed precision is the business of autocast
        self.encoder.float()
        # Its output is not used, so in training it would have no gradient.
        self.encoder.pooler = None
        self.pretrained = pretrained
        self.tokenizer_name = tokenizer or pretrained
        self._tokenizer = None
        self._first_word = 1  # token behind the opening one
        self.out_channels = hf_config.hidden_size
        self.max_length = max_length or self._positions(hf_config)
        self.truncation = truncation
        self.frozen = frozen
        self.left_to_right = self._reads_left_to_right()
        self.pooling = self._choose_pooling(pooling)
        self.encoder.requires_grad_(not frozen)
        if trainable_layers is not None:
            self._train_only(trainable_layers, hf_config.num_hidden_layers)

    @staticmethod
    def _positions(hf_config) -> int:
        """Number of tokens that the position table can hold."""
        positions = getattr(hf_config, 'max_position_embeddings', 512)
        if hf_config.model_type in _OFFSET_POSITIONS:
            positions -= (hf_config.pad_token_id or 0) + 1
        return positions

    @torch.no_grad()
    def _reads_left_to_right(self) -> bool:
        """Whether the first token knows nothing of the second one; the
        configs of transformers do not tell."""
        # many ones: those that were added to a vocabulary have equal vectors
        second = torch.linspace(0, self.encoder.config.vocab_size - 1, 16)
        ids = torch.stack([torch.zeros(16), second], 1).long()
        training = self.encoder.training
        with naming_the_model(self.pretrained or '`config`', 'config.json'):
            hidden = self.encoder.eval()(
                input_ids=ids, attention_mask=torch.ones_like(ids))
        self.encoder.train(training)
        first = hidden.last_hidden_state[:, 0]
        if not first.isfinite().all():
            raise ValueError(
                f'{self.pretrained}: the weights are damaged, features are '
                'not finite; download the model again')
        return torch.allclose(first, first[:1].expand_as(first), atol=1e-6)

    def _choose_pooling(self, pooling: str | None) -> str:
        """What was asked for, else what the model says, else by its kind."""
        if pooling is None and self.pretrained is not None:
            pooling = read_pooling(self.pretrained)
            if pooling is not None:
                print_log(
                    f'{self.pretrained}: sentences are made of tokens as its '
                    f'modules.json says: {pooling}', 'current')
        if pooling is None:
            return 'lasttoken' if self.left_to_right else 'cls'
        if pooling == 'cls' and self.left_to_right:
            raise ValueError(
                f"pooling='cls' of {self.encoder.config.model_type}: it reads "
                'from left to right, so that the first token is the same in '
                "all sentences: set `pooling` to 'lasttoken' or 'mean'")
        return pooling

    def _train_only(self, layers: Sequence[int], depth: int) -> None:
        """Keep everything but some of the Transformer layers."""
        outside = [i for i in layers if not 0 <= i < depth]
        if outside:
            raise ValueError(f'trainable_layers: the encoder has layers 0 to '
                             f'{depth - 1}, not {outside}')
        stack = next(
            module for module in self.encoder.modules()
            if isinstance(module, nn.ModuleList) and len(module) == depth)
        self.encoder.requires_grad_(False)
        for i in layers:
            stack[i].requires_grad_(True)

    @property
    def tokenizer(self):
        """The tokenizer, loaded at first use."""
        if self._tokenizer is None:
            if self.tokenizer_name is None:
                raise ValueError(
                    'HuggingFaceTextEncoder has random weights and no '
                    'tokenizer: set `tokenizer` to a name or directory')
            self._tokenizer = self._load_tokenizer(self.tokenizer_name)
        return self._tokenizer

    def _load_tokenizer(self, name: str):
        """A tokenizer that knows words, and pads as the encoder expects."""
        from transformers import AutoTokenizer
        with naming_the_model(name, 'the tokenizer'):
            tokenizer = AutoTokenizer.from_pretrained(
                name, padding_side='right')
            # some damage is met by the first sentence only
            marked, = tokenizer(['a'])['input_ids']
            plain, = tokenizer(['a'], add_special_tokens=False)['input_ids']
        # transformers makes one without words if there is no file of them
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ValueError(
                f'{name}: the tokenizer knows no word: tokenizer.json, or the '
                'file of its vocabulary, is missing or empty; download it '
                'again, or set `tokenizer` to the folder that has it')
        if tokenizer.pad_token is None:
            raise ValueError(
                f'{name}: the tokenizer has no token for padding: name one as '
                'pad_token in tokenizer_config.json')
        config = self.encoder.config
        if config.model_type in _OFFSET_POSITIONS \
                and tokenizer.pad_token_id != config.pad_token_id:
            raise ValueError(
                f'{name}: the padding of the tokenizer is token '
                f'{tokenizer.pad_token_id}, that of the encoder '
                f'{config.pad_token_id} (pad_token_id in config.json): they '
                'are of different models; set `tokenizer` to that of the '
                'encoder')
        self._first_word = int(marked[:1] != plain[:1])
        return tokenizer

    def unknown_words(self, text: str) -> list[str]:
        """The words of a sentence that the tokenizer has no token for, not
        even one of a part, as in the sentence."""
        words = list(dict.fromkeys(split_words(text, lower=False)))
        unknown = self.tokenizer.unk_token_id
        if unknown is None or not words:
            return []
        tokens = self.tokenizer(words, add_special_tokens=False)['input_ids']
        return [word for word, ids in zip(words, tokens) if unknown in ids]

    def pretrained_parameters(self) -> Iterator[nn.Parameter]:
        """Those with pretrained weights: all or none."""
        return iter(()) if self.pretrained is None \
            else self.encoder.parameters()

    def init_weights(self) -> None:
        """Keep the weights: transformers has initialized or loaded them.

        MMEngine would otherwise call ``init_weights`` of the transformers
        model, which re-initializes a pretrained one.
        """

    def train(self, mode: bool = True) -> HuggingFaceTextEncoder:
        """Switch the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, texts: list[str]) -> TextFeatures:
        """Encode S sentences; see :class:`TextFeatures`."""
        tokens = self.tokenizer(texts, padding=True, return_tensors='pt')
        ids, mask = tokens['input_ids'], tokens['attention_mask']
        if ids.shape[1] > self.max_length:
            longest = texts[int(mask.sum(1).argmax())]
            warnings.warn(
                f'a sentence of {ids.shape[1]} tokens is cut to '
                f'{self.max_length}: "{longest[:60]}..."',
                stacklevel=2)
            if self.truncation == 'truncate':
                tokens = self.tokenizer(
                    texts,
                    padding=True,
                    truncation=True,
                    max_length=self.max_length,
                    return_tensors='pt')
                ids, mask = tokens['input_ids'], tokens['attention_mask']
            ids, mask = ids[:, :self.max_length], mask[:, :self.max_length]
        size = self.encoder.get_input_embeddings().num_embeddings
        if int(ids.max()) >= size:
            raise ValueError(
                f'{self.tokenizer_name}: the tokenizer gives token '
                f'{int(ids.max())}, the encoder has {size} (vocab_size in '
                'config.json): they are of different models; set `tokenizer` '
                'to that of the encoder')
        device = next(self.encoder.parameters()).device
        return self.encode(ids.to(device), mask.to(device), self._first_word)

    def encode(self,
               input_ids: Tensor,
               attention_mask: Tensor,
               first_word: int = 1) -> TextFeatures:
        """Encode token ids (S, F + L) with mask (S, F + L).

        Args:
            input_ids (Tensor): Of S sentences.
            attention_mask (Tensor): 1 for tokens, 0 for padding.
            first_word (int): F, tokens in front of the words.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.frozen):
            hidden = self.encoder(
                input_ids=input_ids,
                attention_mask=attention_mask).last_hidden_state
        return TextFeatures(
            words=hidden[:, first_word:],
            word_mask=attention_mask[:, first_word:].bool(),
            sentence=pool_tokens(hidden, attention_mask, self.pooling))
