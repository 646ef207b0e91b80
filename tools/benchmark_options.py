"""Which benchmarks there are, and what a protocol may ask for."""
from __future__ import annotations
from dataclasses import dataclass, field

# In the order of the papers: three with background, five without, two large.
BENCHMARKS = ('voc21', 'context60', 'coco_object', 'voc20', 'cityscapes',
              'context59', 'ade20k', 'coco_stuff', 'ade847', 'pc459')


@dataclass(frozen=True)
class Options:
    """What a paper's protocol may ask for; None is what the config says.

    Attributes:
        data: Folder of the data sets.
        short_side: Pixels to which the short side of images is brought.
        window: Side of square crops; 0 for whole images.
        stride: From crop to crop.
        templates: See :class:`Vocabulary`.
        synonyms: See :class:`Vocabulary`.
        names: Folder with one class file per benchmark, ``voc21.txt`` or, as
            in SCLIP, ``cls_voc21.txt``.
        background_words: What the background is called, in place of a
            threshold.
        threshold: Probability below which a pixel is background.
        thresholds: The same for single benchmarks.
    """

    data: str = 'data'
    short_side: int | None = None
    window: int | None = None
    stride: int | None = None
    templates: str = 'simple'
    synonyms: str = 'mean'
    names: str | None = None
    background_words: tuple[str, ...] = ()
    threshold: float | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
