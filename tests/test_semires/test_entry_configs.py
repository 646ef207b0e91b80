"""Every entry config of SemiRES and LAVT builds what it says."""
from __future__ import annotations
import re
from pathlib import Path

import pytest
from config_files import entries, find_config
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, MODELS
from refer_data import IMAGES, write_refer

import mmlangseg.semires  # noqa: F401
from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.semires.datasets import write_image_ids

ROOT = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = entries('semires_', 'lavt_')
MUTUAL = [
    path for path in CONFIGS
    if path.stem.startswith('semires_refcoco') and 'burnin' not in path.stem
]
TINY_BERT = dict(
    model_type='bert',
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=12,
    num_attention_heads=2,
    intermediate_size=32)
SETS = dict(refcoco='unc', refcocog='umd', refcoco_toy='unc', mine='me')
SETS.update({'refcoco+': 'unc', 'grefcoco': 'unc', 'grefcoco_toy': 'unc'})
TRAIN_IDS = [100, 101, 102, 103]  # of refer_data


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """The folders of the configs, with made data."""
    roots = {}
    for name, size, images in (('data/refer/', 480,
                                IMAGES), ('data/semires_toy/', 64, IMAGES),
                               ('data/own_images/', 160, 'photos')):
        root = tmp_path_factory.mktemp('data')
        for folder, split_by in SETS.items():
            write_refer(root, name=folder, split_by=split_by, images=images)
        cache = CandidateCache.create(
            root / 'candidates',
            dict(
                dataset='made',
                size=[size, size],
                generator=dict(name='none', parameters={})))
        for image in TRAIN_IDS[:-1]:
            cache.save(image, Candidates.from_masks([], (size, size)))
        for folder in ('refcoco_toy', 'grefcoco_toy', 'mine'):
            (root / folder / 'train.words.txt').write_text('object\nleft')
        roots[name] = f'{root}/'
    return roots


def relocate(value, roots: dict[str, str]):
    """Replace the folders of the data in all strings of a config."""
    if isinstance(value, dict):
        return {k: relocate(v, roots) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(relocate(v, roots) for v in value)
    if isinstance(value, str):
        for old, new in roots.items():
            if value.startswith(old):
                return new + value[len(old):]
    return value


def load(name: str, roots: dict[str, str]) -> Config:
    cfg = Config.fromfile(find_config(name))
    return Config(relocate(cfg._cfg_dict.to_dict(), roots))


def build_model(cfg: Config):
    """Build a small version of the model, without pretrained weights."""
    segmentor = cfg.model.get('segmentor', cfg.model)
    text = segmentor.text_encoder
    if text.type == 'HuggingFaceTextEncoder':
        assert text.pop('pretrained') == 'bert-base-uncased'
        text.config = TINY_BERT
    segmentor.backbone.update(
        embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2))
    segmentor.decode_head.channels = 8
    return MODELS.build(cfg.model)


def build_dataset(cfg: dict):
    """Build a data set, with the lists of images that it names."""
    for source in cfg.get('sources', dict(only=cfg)).values():
        if 'image_ids' not in source:
            continue
        stem = (f'{source.ann_folder}_{source.get("split_by", "unc")}_train_')
        path = Path(source.data_root, source.image_ids)
        assert path.parent == Path(source.data_root, source.ann_folder,
                                   'splits')
        assert path.name.startswith(stem), 'the list of another data set'
        labelled = path.name.endswith('.labelled.json')
        write_image_ids(path, {}, TRAIN_IDS[:1] if labelled else TRAIN_IDS[1:])
    return DATASETS.build(cfg)


def views_of(packed: dict) -> dict:
    """The images of a sample by branch; MultiBranch fills up with None."""
    inputs = packed['inputs']
    if not isinstance(inputs, dict):
        return dict(only=inputs)
    return {name: view for name, view in inputs.items() if view is not None}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_builds(path, roots):
    cfg = load(path.name, roots)
    assert cfg.default_scope == 'mmseg'
    model = build_model(cfg)
    train = build_dataset(cfg.train_dataloader.dataset)
    sampler = DATA_SAMPLERS.build(
        cfg.train_dataloader.sampler, default_args=dict(dataset=train))
    size = tuple(cfg.image_size)
    for index in list(sampler)[:2 * cfg.train_dataloader.batch_size]:
        packed = train[index]
        for view in views_of(packed).values():
            assert view.shape == (3, *size)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        data = build_dataset(loader.dataset)
        assert data.test_mode and len(data) == 6  # all sentences
        sample = data[0]['data_samples']
        assert sample.gt_sem_seg.data.shape[1:] == size
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    assert cfg.val_evaluator.inclusive
    assert cfg.test_evaluator == cfg.val_evaluator
    # in the toy set the burn-in is that of one model for all stages
    plain = 'burnin' in path.stem and 'toy' not in path.stem
    plain = plain or path.stem.startswith('lavt')
    assert type(model).__name__ == ('LAVT' if plain else 'SemiRES')


@pytest.mark.parametrize('path', MUTUAL, ids=lambda path: path.stem)
def test_mutual_learning(path, roots):
    cfg = load(path.name, roots)
    train = build_dataset(cfg.train_dataloader.dataset)
    sampler = DATA_SAMPLERS.build(
        cfg.train_dataloader.sampler, default_args=dict(dataset=train))
    assert sampler.shares == [3, 3]
    labelled, unlabelled = train.datasets
    assert set(views_of(labelled[0])) == {'sup'}
    item = unlabelled[0]
    assert set(views_of(item)) == {'unsup_teacher', 'unsup_student'}
    # whoever does not refine demands no cache
    refined = cfg.model.refiner.type != 'KeepPseudoLabel'
    assert ('candidates' in item['data_samples']['unsup_teacher']) == refined
    # the burn-in of the same share of the same data set
    burnin = Path(cfg.load_from).parent.name
    config = load(f'{burnin}.py', roots).train_dataloader.dataset
    for key in ('ann_folder', 'split_by', 'image_ids'):
        assert config[key] == cfg.train_dataloader.dataset.sources.labelled[
            key]
    assert LOOPS.get(cfg.val_cfg.type).__name__ == 'TeacherStudentValLoop'
    assert cfg.default_hooks.checkpoint.save_best == 'teacher/oIoU'
    assert any(hook.type == 'TeacherHook' for hook in cfg.custom_hooks)


@pytest.mark.parametrize('name, refiner, sup_weight, pixel_weight', [
    ('iom', 'IOM', 10, 'PWA'),
    ('cpi', 'CPI', 1, 'PWA'),
    ('baseline', 'KeepPseudoLabel', 10, 'PWA'),
    ('filter', 'KeepPseudoLabel', 10, 'ConfidenceFilter'),
])
def test_strategies(name, refiner, sup_weight, pixel_weight, roots):
    model = build_model(load(f'semires_refcoco_{name}_1pct.py', roots))
    assert type(model.refiner).__name__ == refiner
    # the plain mean teacher trusts all its masks: no pixel weights are used
    assert getattr(model.refiner, 'trusted', None) == dict(
        baseline=True, filter=False).get(name)
    assert model.sup_weight == sup_weight
    assert type(model.pseudo_label_loss.pixel_weight).__name__ == pixel_weight


@pytest.mark.parametrize(
    'path',
    [path for path in CONFIGS if re.search('baseline|filter', path.stem)],
    ids=lambda path: path.stem)
def test_baselines_need_no_candidates(path):
    """As from the paper: they are trained without SAM."""
    text = str(Config.fromfile(path)._cfg_dict.train_dataloader)
    assert 'KeepPseudoLabel' in str(Config.fromfile(path).model)
    assert 'unsup_teacher' in text and 'LoadMaskCandidates' not in text


@pytest.mark.parametrize('name', ['iom', 'cpi'])
def test_reference(name, roots):
    """The released behavior, and only there."""
    stem = f'semires_refcoco_{name}_1pct'
    ours = load(f'{stem}.py', roots)
    released = load(f'{stem}_reference.py', roots)
    # ours, without `end`, takes the length of the training
    assert 'end' not in ours.param_scheduler[0]
    assert released.param_scheduler[0].end == 2 * ours.train_cfg.max_epochs
    for cfg, official in ((ours, False), (released, True)):
        rule = 'official' if official else 'union'
        sources = cfg.train_dataloader.dataset.sources
        for loader in (cfg.val_dataloader.dataset, sources.labelled,
                       sources.unlabelled):
            assert loader.pipeline[1].get('overlap', 'union') == rule
        jitter = sources.unlabelled.pipeline[-1].unsup_student[0]
        assert jitter.get('strong_from',
                          'image') == ('normalised' if official else 'image')
        assert not sources.unlabelled.pipeline[1].required
        assert cfg.val_dataloader.dataset.get(
            'text_field', 'sent') == ('raw' if official else 'sent')
        encoder = cfg.model.segmentor.text_encoder
        assert encoder.truncation == ('slice' if official else 'truncate')
        stops = any(h.type == 'PatienceHook' for h in cfg.custom_hooks)
        assert stops == (official and name == 'cpi')
    ours, released = build_model(ours), build_model(released)
    assert ours.sup_weight == released.sup_weight
    assert type(ours.refiner) is type(released.refiner)
    assert vars(ours.refiner) == vars(released.refiner)


def readme_configs() -> list[str]:
    """The configs that the docs show."""
    page = ROOT.parent / 'docs' / 'semires' / 'configs.md'
    blocks = re.findall(r'^```python\n(.*?)^```', page.read_text(),
                        re.DOTALL | re.MULTILINE)
    return [block for block in blocks if block.startswith('_base_')]


@pytest.mark.parametrize('text, check', [
    ('data/coco/', lambda cfg, sources: {
        (s.data_root, s.data_prefix.img_path)
        for s in
        (*sources, cfg.val_dataloader.dataset, cfg.test_dataloader.dataset)
    } == {('data/coco/', 'train2014')}),
    ('CPI', lambda cfg, sources: MODELS.build(cfg.model.refiner).mode == 'uo'
     and all('_5pct_' in source.image_ids for source in sources)),
    ('seed1',
     lambda cfg, sources: [source.image_ids for source in sources] == [
         f'refcocog/splits/refcocog_umd_train_5pct_seed1.{side}.json'
         for side in ('labelled', 'unlabelled')
     ] and {source.split_by
            for source in sources} == {'umd'}),
])
def test_configs_of_the_readme(text, check, tmp_path):
    """Other cells and another layout in a few lines."""
    block, = (block for block in readme_configs() if text in block)
    path = tmp_path / 'child.py'
    path.write_text(block.replace("'./", f"'{ROOT}/"))
    cfg = Config.fromfile(path)
    sources = cfg.train_dataloader.dataset.sources
    assert list(sources) == ['labelled', 'unlabelled']
    assert check(cfg, list(sources.values()))
    assert cfg.model.type == 'SemiRES'
