"""The config that tests an S-Seg on a benchmark by a stated protocol."""
from __future__ import annotations
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark_options import Options
from mmengine.config import Config, ConfigDict
from mmseg.registry import DATASETS

from mmlangseg.evaluation import Protocol
from mmlangseg.sseg.vocabulary import dataset_vocabulary
from mmlangseg.sseg.vocabulary.class_file import BACKGROUND
from mmlangseg.sseg.vocabulary.vocabulary import Vocabulary

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
_LONGEST = 2048  # pixels of the long side, as in GroupViT and its successors


def benchmark_config(model_config: Config, benchmark: str,
                     options: Options) -> tuple[Config, Protocol, dict]:
    """Bring a model and a benchmark together.

    Args:
        model_config: Of any S-Seg; its model is tested.
        benchmark: One of :data:`benchmark_options.BENCHMARKS`.
        options: The protocol.

    Returns:
        tuple[Config, Protocol, dict]: The config of the test, the protocol,
        and what else is in the table: ``classes``, ``templates``,
        ``synonyms``.

    Raises:
        FileNotFoundError: The data or the class file are not there.
        ValueError: The model is not of S-Seg, or the class file does not fit.
    """
    cfg = Config(model_config._cfg_dict.to_dict())
    model = cfg.model
    if 'text_projection' not in model:
        raise ValueError(f'{model_config.filename} is not of S-Seg: its model '
                         'has no vocabulary that could be changed')
    test = Config.fromfile(CONFIGS / f'_base_/datasets/sseg_{benchmark}.py')
    dataset = test.test_dataloader.dataset
    _relocate(dataset, options.data)
    if options.short_side is not None:
        _resize(dataset.pipeline, options.short_side)
    vocabulary = _vocabulary(benchmark, dataset, options)
    model.vocabulary = dict(
        _in_short(benchmark, dataset, vocabulary, options),
        templates=options.templates,
        synonyms=options.synonyms)
    threshold = options.thresholds.get(benchmark, options.threshold)
    if threshold is not None:
        model.background_threshold = threshold
    if str(model.type).split('.')[-1] == 'SSeg':  # others divide images by it
        model.update(pseudo_mask_generator=None, mask_loss=None)
    model.keep_probabilities = False
    _set_window(model, options)
    for key in ('test_dataloader', 'test_evaluator', 'test_cfg'):
        cfg[key] = test[key]
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                'param_scheduler', 'auto_scale_lr', 'val_dataloader',
                'val_cfg', 'val_evaluator', 'custom_hooks', 'tta_model',
                'tta_pipeline'):
        cfg.pop(key, None)
    protocol = Protocol(
        image_size=_image_size(dataset.pipeline,
                               model.get('test_cfg') or {}),
        resize_rule='probabilities, bilinear, to the size of the label map',
        background_rule=_background_rule(model, vocabulary, dataset, options),
        compared_at='the size of the label maps')
    return cfg, protocol, dict(
        classes=len(vocabulary.labels),
        templates=options.templates,
        synonyms=options.synonyms)


def fingerprint(cfg: Config, checkpoint: str | os.PathLike) -> str:
    """What the result of a test depends on, but for the content of the data.

    Args:
        cfg: Of the test.
        checkpoint: The file of the weights.
    """
    content = cfg._cfg_dict.to_dict()
    for key in ('work_dir', 'load_from', 'launcher', 'filename'):
        content.pop(key, None)
    digest = hashlib.sha256(
        json.dumps(content, sort_keys=True, default=str).encode())
    with open(checkpoint, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _relocate(dataset: ConfigDict, data: str) -> None:
    """Let the data lie in another folder than ``data``."""
    inside = Path(dataset.data_root).relative_to('data')
    dataset.data_root = f'{Path(data) / inside}/'
    if not os.path.isdir(dataset.data_root):
        raise FileNotFoundError(f'{dataset.data_root} does not exist')


def _resize(pipeline: Sequence[dict], short_side: int) -> None:
    step, = (step for step in pipeline if step['type'] == 'Resize')
    step['scale'] = (max(_LONGEST, short_side), short_side)


def _set_window(model: ConfigDict, options: Options) -> None:
    if options.window == 0:
        model.test_cfg = dict(mode='whole')
    elif options.window is not None:
        stride = options.stride or options.window // 2
        model.test_cfg = dict(
            mode='slide',
            crop_size=(options.window, options.window),
            stride=(stride, stride))


def _vocabulary(benchmark: str, dataset: ConfigDict,
                options: Options) -> Vocabulary:
    classes = _dataset_classes(dataset)
    with_background = classes[0] == BACKGROUND
    chosen = dict(templates=options.templates, synonyms=options.synonyms)
    if options.names is not None:
        path = _names_file(options.names, benchmark)
        vocabulary = Vocabulary.parse(
            path, background=with_background, **chosen)
        if len(vocabulary.labels) != len(classes):
            raise ValueError(f'{path} has {len(vocabulary.labels)} classes, '
                             f'{benchmark} {len(classes)}, the background '
                             'included')
    else:
        file = dataset.get('classes_file')
        known = dataset_vocabulary(
            benchmark, file and os.path.join(dataset.data_root, file))
        vocabulary = Vocabulary(**known, **chosen)
    if options.background_words and vocabulary.background:
        return Vocabulary((BACKGROUND, *vocabulary.classes),
                          (options.background_words, *vocabulary.prompt_names),
                          **chosen)
    return vocabulary


def _in_short(benchmark: str, dataset: ConfigDict, vocabulary: Vocabulary,
              options: Options) -> dict:
    """The classes for a config, which is logged and kept with the run: by the
    name of the benchmark where that says them all."""
    if options.names is None and vocabulary.background == (
            _dataset_classes(dataset)[0] == BACKGROUND):
        file = dataset.get('classes_file')
        path = file and os.path.join(dataset.data_root, file)
        return dict(dataset=benchmark, classes_file=path)
    return dict(
        classes=vocabulary.classes,
        prompt_names=vocabulary.prompt_names,
        background=vocabulary.background)


def _names_file(folder: str, benchmark: str) -> str:
    """The class file of a benchmark, also as SCLIP calls it."""
    sclip = benchmark.replace('cityscapes', 'city_scapes')
    names = f'{benchmark}.txt', f'cls_{sclip}.txt'
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f'{os.path.join(folder, names[0])} does not exist,'
                            f' nor {names[1]}: --names is a folder with a file'
                            ' of names for each benchmark')


def _dataset_classes(dataset: ConfigDict) -> tuple[str, ...]:
    config = {**dataset, 'pipeline': [], 'lazy_init': True}
    return DATASETS.build(config).metainfo['classes']


def _image_size(pipeline: Sequence[dict], test_cfg: dict) -> str:
    step, = (step for step in pipeline if step['type'] == 'Resize')
    size = f'short side {min(step["scale"])}'
    if test_cfg.get('mode') != 'slide':
        return f'{size}, whole'
    return f'{size}, crops {_side(test_cfg["crop_size"])}, stride ' \
        f'{_side(test_cfg["stride"])}'


def _side(size: Sequence[int] | int) -> Any:
    return size if isinstance(size, int) else max(size)


def _background_rule(model: ConfigDict, vocabulary: Vocabulary,
                     dataset: ConfigDict, options: Options) -> str:
    if vocabulary.background:
        rule = model.get('background_rule', 'constant')
        limit = model.get('background_threshold', 0.5)
        return f'probability {limit:g} ({rule})'
    if _dataset_classes(dataset)[0] != BACKGROUND:
        return 'no background'
    words = vocabulary.prompt_names[0]
    return f'{len(words)} words: {", ".join(words[:3])}' + \
        (' ...' if len(words) > 3 else '')
