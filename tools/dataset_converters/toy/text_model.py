"""A tiny text model in HuggingFace format, with its own vocabulary."""
from __future__ import annotations
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import (Tokenizer, models, normalizers, pre_tokenizers,
                        processors, trainers)
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from mmlangseg.io.files import PathLike

SPECIAL = ('<s>', '<pad>', '</s>', '<unk>')  # RoBERTa's ids 0 to 3
MAX_LENGTH = 128


def write_text_model(folder: PathLike,
                     sentences: Iterable[str],
                     hidden_size: int = 128,
                     num_layers: int = 2,
                     seed: int = 0) -> None:
    """Write a word-level tokenizer and a random, small RoBERTa.

    ``AutoTokenizer`` and ``AutoModel`` load the folder like any checkpoint
    of the HuggingFace hub; a sentence becomes ``<s> words </s>``, in lower
    case.

    Args:
        folder: Folder to write.
        sentences: Texts whose words make the vocabulary.
        hidden_size: Width of the model, a multiple of 4 heads.
        num_layers: Number of transformer layers.
        seed: Seed of the weights.
    """
    folder = Path(folder)
    tokenizer = _train_tokenizer(sentences)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden_size,
        max_position_embeddings=MAX_LENGTH + 2,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RobertaModel(config, add_pooling_layer=False)
    folder.mkdir(parents=True, exist_ok=True)
    # The libraries write several files: let each appear whole.
    with tempfile.TemporaryDirectory(dir=folder.parent) as tmp:
        tokenizer.save_pretrained(tmp)
        model.save_pretrained(tmp)
        for file in sorted(Path(tmp).iterdir()):
            os.replace(file, folder / file.name)


def _train_tokenizer(sentences: Iterable[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel(unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(),
         pre_tokenizers.Punctuation()])
    tokenizer.train_from_iterator(
        sorted(sentences),
        trainers.WordLevelTrainer(
            special_tokens=list(SPECIAL), show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A </s>',
        special_tokens=[(token, SPECIAL.index(token))
                        for token in ('<s>', '</s>')])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=MAX_LENGTH,
        bos_token='<s>',
        eos_token='</s>',
        cls_token='<s>',
        sep_token='</s>',
        pad_token='<pad>',
        unk_token='<unk>')
