"""Which words of a caption name things and actions."""
from __future__ import annotations
import re
from collections.abc import Callable

WordTagger = Callable[[str], list[str]]

# The tags that GroupViT keeps as nouns and verbs (NNPS is not among them).
_KEPT_TAGS = {'NN', 'NNS', 'NNP', 'VBG', 'VB', 'VBD', 'VBN', 'VBP', 'VBZ'}
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_STOP_WORDS = frozenset("""
a about above across after again against ago all almost along already also
although always am amid among an and another any anyone anything are aren't
around as at away be because been before behind being below beneath beside
besides best between beyond both but by can can't cannot could did didn't do
does doesn't doing don't done down during each either else enough etc even ever
every everyone everything except few fewer first for from front full further
get gets getting good got had has have haven't having he her here hers herself
him himself his how however i if in inside instead into is isn't it it's its
itself just last least less let like lot lots made make makes making many may
maybe me might mine more most much must my myself near nearly neither never new
next no nobody none nor not nothing now of off often on once one only onto or
other others our ours ourselves out outside over own per perhaps quite rather
really s same several shall she should since so some someone something
sometimes soon still such t than that that's the their theirs them themselves
then there there's these they this those though three through throughout till
to together too toward towards two under underneath unless until up upon us use
used uses using usually various very via was wasn't we well were weren't what
when where whether which while who whom whose why will with within without
won't would wouldn't yes yet you your yours yourself
image images photo photos photograph photographs pic pics picture pictures
""".split())


def tag_by_rule(text: str) -> list[str]:
    """Words of letters that are no stop words, in lower case.

    Needs nothing, but knows no grammar: adjectives and adverbs stay in as
    well as nouns and verbs. Words of one letter and names of the picture
    itself ("photo") are left out.
    """
    words = (word.lower().replace('’', "'") for word in _WORD.findall(text))
    return [w for w in words if len(w) > 1 and w not in _STOP_WORDS]


class NLTKTagger:
    """Nouns and verbs by NLTK's tagger, as in GroupViT.

    Raises:
        ImportError: NLTK is not installed.
        LookupError: Its data are not there.
    """

    def __init__(self) -> None:
        try:
            self('a photo')
        except ImportError:
            raise ImportError(
                'tagger="nltk" needs NLTK: pip install nltk, or use '
                'tagger="rule", which needs nothing') from None
        except LookupError as error:
            raise LookupError(
                'tagger="nltk" needs data that are not here. Run python -m '
                'nltk.downloader punkt_tab averaged_perceptron_tagger_eng, '
                'or use tagger="rule", which needs nothing. NLTK says: '
                f'{" ".join(str(error).split()):.200}') from None

    def __call__(self, text: str) -> list[str]:
        import nltk  # optional
        return [
            word for word, tag in nltk.pos_tag(nltk.word_tokenize(text))
            if tag in _KEPT_TAGS
        ]


def build_tagger(name: str) -> WordTagger:
    """Make the tagger of that name, ``'rule'`` or ``'nltk'``."""
    if name == 'rule':
        return tag_by_rule
    if name == 'nltk':
        return NLTKTagger()
    raise ValueError(f"tagger={name!r} must be 'rule' or 'nltk'")
