"""What the classes of the benchmarks are called in prompts."""
from __future__ import annotations
from typing import NamedTuple

from mmengine.dataset import BaseDataset
from mmseg.datasets import (ADE20KDataset, CityscapesDataset, COCOStuffDataset,
                            PascalContextDataset, PascalContextDataset59,
                            PascalVOCDataset)

from mmlangseg.io.files import PathLike
from ..datasets.coco_object_dataset import COCOObjectDataset
from ..datasets.pascal_voc20_dataset import PascalVOC20Dataset
from .class_file import BACKGROUND, read_class_names, spoken_name

# GroupViT's. The papers without background keep VOC's own names, which are
# not English words; one list serves both here.
_VOC = dict(diningtable='table', pottedplant='plant', tvmonitor='monitor')
_CONTEXT = dict(aeroplane='airplane', pottedplant='plant', tvmonitor='monitor')
# A choice: S-Seg does not report COCO-Stuff. See also _without_hyphen.
_STUFF = {
    'playingfield': 'playing field',
    'wall-panel': 'wall panel',
    'waterdrops': 'water drops',
    'window-blind': 'window blind',
}


class _Benchmark(NamedTuple):
    """A data set with its names, or the number of classes in its file."""
    dataset: type[BaseDataset] | None = None
    prompts: dict[str, str] = {}
    num_classes: int | None = None


BENCHMARKS = dict(
    voc20=_Benchmark(PascalVOC20Dataset, _VOC),
    voc21=_Benchmark(PascalVOCDataset, _VOC),
    context59=_Benchmark(PascalContextDataset59, _CONTEXT),
    context60=_Benchmark(PascalContextDataset, _CONTEXT),
    coco_object=_Benchmark(COCOObjectDataset),
    coco_object80=_Benchmark(COCOObjectDataset),
    coco_stuff=_Benchmark(COCOStuffDataset, _STUFF),
    cityscapes=_Benchmark(CityscapesDataset),
    ade20k=_Benchmark(ADE20KDataset),
    ade847=_Benchmark(num_classes=847),
    pc459=_Benchmark(num_classes=459),
    lvis=_Benchmark(num_classes=1203),
    imagenet_s50=_Benchmark(num_classes=50),
    imagenet_s300=_Benchmark(num_classes=300),
    imagenet_s919=_Benchmark(num_classes=919),
    own=_Benchmark())


def dataset_vocabulary(name: str,
                       classes_file: PathLike | None = None) -> dict:
    """Look up the classes of a benchmark and what to call them in prompts.

    Args:
        name: One of ``BENCHMARKS``. ``'voc21'``, ``'context60'`` and
            ``'coco_object'`` have a background, ``'voc20'``, ``'context59'``
            and ``'coco_object80'`` are the same without it. ``'own'`` is any
            data set with a ``classes.txt``.
        classes_file: The ``classes.txt`` of ``'lvis'``, ``'imagenet_s50'``,
            ``'imagenet_s300'``, ``'imagenet_s919'``, ``'ade847'``,
            ``'pc459'`` and ``'own'``.

    Returns:
        Arguments of ``Vocabulary``: ``classes`` (tuple of str, without the
        background), ``prompt_names`` (for each class a tuple of names, whose
        features are averaged) and ``background`` (bool).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The name is not known; the file is malformed, missing or
            not wanted; or it has another number of classes.
    """
    if name not in BENCHMARKS:
        raise ValueError(f'there is no benchmark {name!r}: choose from '
                         f'{", ".join(BENCHMARKS)}')
    benchmark = BENCHMARKS[name]
    if (classes_file is None) != (benchmark.dataset is not None):
        raise ValueError(
            f'{name!r} has its names in a file: give its classes_file'
            if classes_file is None else
            f'{name!r} has fixed names and takes no classes_file; a data set '
            "with names of its own is 'own'")
    if benchmark.dataset is None:
        assert classes_file is not None  # as was asked for above
        names = read_class_names(classes_file)
        if benchmark.num_classes not in (None, len(names.names)):
            raise ValueError(f'{classes_file} has {len(names.names)} classes, '
                             f'but {name!r} {benchmark.num_classes}')
        return dict(
            classes=names.labels,
            prompt_names=tuple(
                _distinct(map(spoken_name, synonyms))
                for synonyms in names.names),
            background=names.background)
    classes = benchmark.dataset.METAINFO['classes']
    background = classes[0] == BACKGROUND
    if background:
        classes = classes[1:]
    prompts = [benchmark.prompts.get(c, _without_hyphen(c)) for c in classes]
    return dict(
        classes=classes,
        prompt_names=tuple((prompt.strip(), ) for prompt in prompts),
        background=background and name != 'coco_object80')


def _without_hyphen(name: str) -> str:
    """COCO-Stuff: 'wall-brick' is a brick wall, 'sky-other' any sky."""
    noun, _, kind = name.partition('-')
    return noun if kind in ('', 'other', 'stuff') else f'{kind} {noun}'


def _distinct(names) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
