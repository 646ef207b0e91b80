"""What the text encoder sees of a caption."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from mmseg.utils import get_predefined_templates

from .word_taggers import build_tagger

MODES = ('words', 'word_prompt', 'multi_label')


@TRANSFORMS.register_module()
class CaptionWords(BaseTransform):
    """Turn a caption into its nouns and verbs.

    Without this transform the caption itself is the text, which is the
    default of S-Seg. The paper extracts words from captions but does not say
    how they are used, so all of these are choices:

    - ``'words'``: "a photo of dog, running, grass" of all of them, each once.
    - ``'word_prompt'``: one random word in a random template.
    - ``'multi_label'``: as GroupViT: the caption stays, and ``prompts`` is
      set to ``num_prompts`` random words without repeats, each in a random
      template; with too few words the caption stands in.

    A caption without such words stays as it is. Random numbers come from
    NumPy's global generator, which the data set seeds for each sample.

    Required keys: ``text`` (str). Modified: ``text``, or added: ``prompts``
    (list of str).

    Args:
        mode: See above.
        templates: Name of a set of MMSegmentation's templates (``'imagenet'``
            are the 80 of CLIP), or templates with ``{}``.
        num_prompts: For ``'multi_label'``.
        tagger: ``'rule'``: words of letters that are no stop words, needs
            nothing but keeps adjectives; ``'nltk'``: nouns and verbs by
            NLTK, as GroupViT, with NLTK and its data installed.
    """

    def __init__(self,
                 mode: str,
                 templates: str | Sequence[str] = 'imagenet',
                 num_prompts: int = 3,
                 tagger: str = 'rule') -> None:
        if mode not in MODES:
            raise ValueError(f'mode={mode!r} must be one of {MODES}')
        if isinstance(templates, str):
            templates = get_predefined_templates(templates)
        if not templates or not all('{}' in t for t in templates):
            raise ValueError('templates must hold {} each, but are '
                             f'{list(templates)}')
        self.mode = mode
        self.templates = list(templates)
        self.num_prompts = num_prompts
        self.tagger_name = tagger
        self.tagger = build_tagger(tagger)

    def transform(self, results: dict) -> dict:
        """Change the text of one sample."""
        text = results['text']
        words = list(dict.fromkeys(self.tagger(text)))
        if self.mode == 'multi_label':
            chosen = self._choose(words, self.num_prompts)
            padding = [text] * (self.num_prompts - len(chosen))
            results['prompts'] = chosen + padding
        elif words and self.mode == 'words':
            results['text'] = f'a photo of {", ".join(words)}'
        elif words:
            results['text'] = self._choose(words, 1)[0]
        return results

    def _choose(self, words: list[str], number: int) -> list[str]:
        """Random words in random templates."""
        number = min(number, len(words))
        chosen = np.random.choice(len(words), number, replace=False) \
            if number else []
        return [
            self.templates[np.random.randint(len(self.templates))].replace(
                '{}', words[i]) for i in chosen
        ]

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(mode={self.mode!r}, '
                f'templates={len(self.templates)}, '
                f'num_prompts={self.num_prompts}, '
                f'tagger={self.tagger_name!r})')
