"""What a run reads is there, which is checked before anything is built."""
from __future__ import annotations
import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.config import Config

from mmlangseg.io.hub import why_not_loaded
from mmlangseg.text.words import describe_source

# Of data sets; the first is also what the others are relative to.
_FILES = ('data_root', 'ann_folder', 'ann_file', 'info_file', 'image_ids',
          'classes_file')
# Of sources of image-caption pairs, below the root of their data set.
_SOURCES = dict(
    TarSource=('tars', ),
    FolderSource=('folder', ),
    TableSource=('file', 'images'),
    JSONLSource=('file', 'images'))
_TOY = re.compile(r'(less|semires|sseg)_toy(_\w+)?')
# Tutorials that say how data of one's own are made, by the folder of the data.
_OWN = dict(
    own_scans='own_scans', own_images='own_images', own_pairs='own_classes')
# What makes the caches of transforms.
_CACHES = dict(
    LoadMaskCandidates='tools/semires/generate_candidates.py',
    LoadPseudoMasks='tools/sseg/generate_pseudo_masks.py')
# Whose `pretrained` is a folder of transformers, or a name on the hub.
_NETWORKS = ('HuggingFaceTextEncoder', 'DINOFeatures', 'PromptedReferring',
             'PromptedClasses', 'GroupViT', 'CLIPPseudoMasks')


def require_inputs(cfg: Config, splits: Sequence[str]) -> None:
    """Refuse a run whose files or pretrained networks are not there.

    Building a model may take minutes and end in an error of the hub; then
    the data sets would be read, of which the first names the first file.

    Args:
        cfg: Of the run.
        splits: Of ``train``, ``val`` and ``test``, those that are read.

    Raises:
        SystemExit: Names all that is missing, by its key, and the remedies,
            the data first, from which the rest is often made.
    """
    # a test reads the checkpoint in their place
    initial = cfg.get('model') if 'train' in splits else None
    _refuse(cfg, [
        *_missing_data(cfg, splits),
        *_missing_start(cfg),
        *_missing_pretrained(initial, 'model'),
        *_missing_networks(cfg.get('model'), 'model'),
        *_missing_words(cfg.get('model'), 'model'),
    ])


def require_data(cfg: Config, splits: Sequence[str]) -> None:
    """:func:`require_inputs` for programs that read the data alone."""
    _refuse(cfg, _missing_data(cfg, splits))


def _refuse(cfg: Config, missing: Sequence[str]) -> None:
    if missing:
        raise SystemExit('\n'.join([
            f'error: {cfg.filename} reads what is not there:',
            *(f'  {line}' for line in missing),
            'What lies elsewhere: --cfg-options KEY=PATH'
        ]))


def _missing_data(cfg: Config, splits: Sequence[str]) -> list[str]:
    """Lines on all files of data sets that are missing, and on what makes
    them."""
    found = [
        item for split in splits for item in _missing_files(
            cfg.get(f'{split}_dataloader'), f'{split}_dataloader')
    ]
    remedies = dict.fromkeys(
        _remedy(path) for _, path in found if path is not None)
    return [*(line for line, _ in found), *remedies]


def _remedy(path: str) -> str:
    """Say how the data of a folder are made."""
    parts = Path(path).parts
    for index, part in enumerate(parts):
        toy = _TOY.fullmatch(part)
        if toy:
            folder = os.path.join(*parts[:index + 1])
            return ('Toy data are made by tools/dataset_converters/'
                    f'make_toy.py {toy[1]} {folder}')
        if part in _OWN:
            return ('How they are made from your own data says '
                    f'docs/tutorials/{_OWN[part]}.md')
    return 'How the data are made says the README of the system, under Data'


def _missing_start(cfg: Config) -> Iterator[str]:
    path = cfg.get('load_from')
    if path and '://' not in path and not os.path.isfile(
            os.path.expanduser(path)):
        yield (f'load_from: {path}, the checkpoint to begin with; train it '
               'first, as the README of the system says')


def _missing_pretrained(node: object, key: str) -> Iterator[str]:
    """Yield a line for each file that ``init_cfg`` or ``pretrained`` names
    in vain."""
    if isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _missing_pretrained(child, f'{key}.{index}')
    if not isinstance(node, dict):
        return
    named = []
    if str(node.get('type')).split('.')[-1] == 'Pretrained':
        named.append('checkpoint')
    # of mmseg's backbones
    if str(node.get('pretrained')).endswith('.pth'):
        named.append('pretrained')
    for name in named:
        path = node.get(name)
        if isinstance(path, str) and ':' not in path \
                and not os.path.isfile(os.path.expanduser(path)):
            yield (f'{key}.{name}: {path}, pretrained weights; download '
                   'them, as the README of the system says')
    for name, child in node.items():
        yield from _missing_pretrained(child, f'{key}.{name}')


def _missing_files(node: object,
                   key: str,
                   root: str = '') -> Iterator[tuple[str, str | None]]:
    """Yield a line for each path of data sets below a node of a config, and
    the path, if the line does not say what makes it.

    ``root`` is that of the data set whose sources are below the node.
    """
    if isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _missing_files(child, f'{key}.{index}', root)
    if not isinstance(node, dict):
        return
    kind = str(node.get('type')).split('.')[-1]
    root = node.get('data_root') or root
    for name in (*_FILES, *_SOURCES.get(kind, ())):
        base = '' if name == 'data_root' else \
            root if name not in _FILES else node.get('data_root') or ''
        paths = node.get(name)
        for path in paths if isinstance(paths, (list, tuple)) else [paths]:
            if not isinstance(path, str) or not path:
                continue
            full = os.path.join(base, path)
            there = '://' in full or os.path.exists(full) or (
                name == 'tars' and _matches(base, path))
            if not there:
                yield f'{key}.{name}: {full}', full
                if name == 'data_root':  # nothing in it is there, either
                    return
    cache = node.get('cache')
    tool = _CACHES.get(kind)
    if tool and isinstance(cache, str) and not os.path.exists(cache):
        yield f'{key}.cache: {cache}; make it with {tool}', None
    for name, child in node.items():
        yield from _missing_files(child, f'{key}.{name}', root)


def _matches(root: str, pattern: str) -> bool:
    """Whether there are files of a pattern, as far as one can see it before
    braces, which only the reader of tars expands."""
    if '{' in pattern:
        pattern = os.path.dirname(pattern.partition('{')[0])
    return bool(glob.glob(os.path.join(glob.escape(root), pattern) or '.'))


def _missing_words(node: object, key: str) -> Iterator[str]:
    """Yield a line for each file of words that is not there."""
    if not isinstance(node, dict):
        return
    path = node.get('vocabulary')
    if str(node.get('type')).split('.')[-1] == 'GRUTextEncoder' \
            and isinstance(path, str) and not os.path.isfile(path):
        yield f'{key}.vocabulary: {path}; {describe_source(path)}'
    for name, child in node.items():
        yield from _missing_words(child, f'{key}.{name}')


def _missing_networks(node: object, key: str) -> Iterator[str]:
    """Yield a line for each network that is neither here nor on the hub."""
    if not isinstance(node, dict):
        return
    name = node.get('pretrained')
    kind = str(node.get('type')).split('.')[-1]
    if kind in _NETWORKS and isinstance(name, str):
        reason = why_not_loaded(name)
        if reason:
            yield (f'{key}.pretrained: {name} is no folder, and {reason}; '
                   f'download it elsewhere: --cfg-options '
                   f'{key}.pretrained=FOLDER')
    for child_name, child in node.items():
        yield from _missing_networks(child, f'{key}.{child_name}')
