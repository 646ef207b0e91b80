from __future__ import annotations
import warnings
from typing import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from mmlangseg.pretrained import load_pretrained
from .features import TextFeatures


@MODELS.register_module()
class HuggingFaceTextEncoder(BaseModule):
    """Any encoder of the transformers library: RoBERTa, BERT, MPNet, ...

    The first token is the sentence, or the last one where the encoder reads
    from left to right, as CLIP's and GPT do. All but the first are the words
    (the closing token included, as in the released LESS code). Weights are
    kept in float32, whatever they are stored in.

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

    Raises:
        ValueError: Options contradict each other, or it is not an encoder of
            texts.
    """

    def __init__(self,
                 pretrained: str | None = None,
                 config: dict | None = None,
                 tokenizer: str | None = None,
                 max_length: int | None = None,
                 truncation: str = 'truncate',
                 frozen: bool = False,
                 trainable_layers: Sequence[int] | None = None,
                 config_overrides: dict | None = None) -> None:
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
        from transformers import AutoConfig, AutoModel
        overrides = dict(config_overrides or {})
        if pretrained is None:
            hf_config = AutoConfig.for_model(**{**config, **overrides})
            self.encoder = AutoModel.from_config(hf_config)
        else:
            hf_config = AutoConfig.from_pretrained(pretrained)
            unknown = [key for key in overrides if not hasattr(hf_config, key)]
            if unknown:
                raise ValueError(f'config_overrides: {pretrained} has no '
                                 f'{", ".join(unknown)}')
            hf_config.update(overrides)
            self.encoder = load_pretrained(
                AutoModel, pretrained, unused=r'pooler\.', config=hf_config)
        if not hasattr(hf_config, 'hidden_size'):
            raise ValueError(
                f'{pretrained or hf_config.model_type} is not an encoder of '
                f'texts but a {type(self.encoder).__name__}; save its text '
                'part, such as CLIPTextModel, into a folder of its own')
        # mixed precision is the business of autocast
        self.encoder.float()
        # Its output is not used, so in training it would have no gradient.
        self.encoder.pooler = None
        self.tokenizer_name = tokenizer or pretrained
        self._tokenizer = None
        self.out_channels = hf_config.hidden_size
        self.max_length = max_length or self._positions(hf_config)
        self.truncation = truncation
        self.frozen = frozen
        self.left_to_right = self._reads_left_to_right()
        self.encoder.requires_grad_(not frozen)
        if trainable_layers is not None:
            self._train_only(trainable_layers, hf_config.num_hidden_layers)

    @staticmethod
    def _positions(hf_config) -> int:
        """Number of tokens that the position table can hold."""
        positions = getattr(hf_config, 'max_position_embeddings', 512)
        # RoBERTa and its kin count positions from the padding index + 1.
        if hf_config.model_type in ('roberta', 'xlm-roberta', 'mpnet',
                                    'camembert'):
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
        hidden = self.encoder.eval()(
            input_ids=ids, attention_mask=torch.ones_like(ids))
        self.encoder.train(training)
        first = hidden.last_hidden_state[:, 0]
        return torch.allclose(first, first[:1].expand_as(first), atol=1e-6)

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
            from transformers import AutoTokenizer
            self._tokenizer = AutoTokenizer.from_pretrained(
                self.tokenizer_name, padding_side='right')
        return self._tokenizer

    def init_weights(self) -> None:
        """Keep the weights: transformers has initialised or loaded them.

        MMEngine would otherwise call ``init_weights`` of the transformers
        model, which re-initialises a pretrained one.
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
        device = next(self.encoder.parameters()).device
        return self.encode(ids.to(device), mask.to(device))

    def encode(self, input_ids: Tensor,
               attention_mask: Tensor) -> TextFeatures:
        """Encode token ids (S, L + 1) with mask (S, L + 1)."""
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.frozen):
            hidden = self.encoder(
                input_ids=input_ids,
                attention_mask=attention_mask).last_hidden_state
        place = torch.zeros_like(attention_mask[:, 0])
        if self.left_to_right:
            place = attention_mask.sum(1) - 1
        return TextFeatures(
            words=hidden[:, 1:],
            word_mask=attention_mask[:, 1:].bool(),
            sentence=hidden[torch.arange(len(hidden)), place])
