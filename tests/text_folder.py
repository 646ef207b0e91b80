"""A tiny RoBERTa with its tokenizer, as the hub has them, shared by tests."""
from __future__ import annotations
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

SPECIAL = ['<s>', '<pad>', '</s>', '<unk>']
WORDS = 'the chair is red left of a table door lamp'.split()
SETTINGS = dict(
    vocab_size=20,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=12,
    type_vocab_size=1,
    pad_token_id=1)


def write_text_folder(folder: Path, pooling: dict | None = None) -> Path:
    """Write config, weights and tokenizer.

    Args:
        folder: To write to.
        pooling: Config of sentence-transformers' Pooling, whose files are
            then written, too.
    """
    tokenizer = Tokenizer(
        WordLevel({
            w: i
            for i, w in enumerate(SPECIAL + WORDS)
        },
                  unk_token='<unk>'))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single='<s> $A </s>', special_tokens=[('<s>', 0), ('</s>', 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token='<s>',
        pad_token='<pad>',
        eos_token='</s>',
        unk_token='<unk>').save_pretrained(folder)
    torch.manual_seed(0)
    RobertaModel(RobertaConfig(**SETTINGS)).save_pretrained(folder)
    if pooling is not None:
        write_modules(folder)
        (folder / '1_Pooling').mkdir()
        (folder / '1_Pooling' / 'config.json').write_text(json.dumps(pooling))
    return folder


def write_modules(folder: Path, *more: str, encoder: str = '') -> None:
    """Write ``modules.json``: an encoder, its Pooling, and more."""
    modules = [('Transformer', encoder), ('Pooling', '1_Pooling')]
    modules += [(name, f'{i}_{name}') for i, name in enumerate(more, start=2)]
    (folder / 'modules.json').write_text(
        json.dumps([
            dict(
                idx=i,
                name=str(i),
                path=path,
                type=f'sentence_transformers.models.{name}')
            for i, (name, path) in enumerate(modules)
        ]))
