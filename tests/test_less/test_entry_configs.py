"""Every entry config of LESS builds what it says."""
from __future__ import annotations
from pathlib import Path

import pytest

pytest.importorskip('mmdet3d')
pytest.importorskip('spconv')

from config_files import entries, find_config  # noqa: E402
from mmdet3d.registry import MODELS, TRANSFORMS  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

TINY_TEXT = dict(
    type='HuggingFaceTextEncoder',
    config=dict(
        model_type='roberta',
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32))


@pytest.fixture(autouse=True)
def scope():
    import mmlangseg.less  # noqa: F401
    init_default_scope('mmdet3d')


def load(name: str) -> Config:
    return Config.fromfile(find_config(name))


def build_model(cfg: Config, tmp_path: Path):
    """Build the model with a text encoder that needs no download."""
    text = cfg.model.text_encoder
    if text.type == 'GRUTextEncoder':
        vocabulary = tmp_path / 'words.txt'
        vocabulary.write_text('the\nchair\n', encoding='utf-8')
        text.vocabulary = str(vocabulary)
    else:
        assert text.pretrained
        cfg.model.text_encoder = TINY_TEXT
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('path', entries('less_'), ids=lambda path: path.stem)
def test_builds(path, tmp_path):
    cfg = Config.fromfile(path)
    assert cfg.default_scope == 'mmdet3d'
    model = build_model(cfg, tmp_path)
    assert 'seg' in model.losses
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)
    assert cfg.train_dataloader.sampler.type == 'EpochSampler'
    assert cfg.test_dataloader.dataset.test_mode
    assert cfg.test_evaluator == cfg.val_evaluator


def test_reference_differs_from_the_recommended_model(tmp_path):
    ours = build_model(load('less_scanrefer.py'), tmp_path)
    released = build_model(load('less_scanrefer_reference.py'), tmp_path)
    for model, corrected in ((ours, True), (released, False)):
        pwca = model.backbone.unet.fusion
        assert pwca.mask_padding is corrected
        assert pwca.num_tanh == (1 if corrected else 2)
        assert all(p.requires_grad is corrected
                   for p in pwca.words.parameters())
        assert model.backbone.pad_grid is corrected
    assert ours.losses['area'].loss_weight == 1
    assert released.losses['area'].loss_weight == 10


@pytest.mark.parametrize('name, check', [
    ('queries_5', lambda m: m.decoder.query.num_embeddings == 5),
    ('queries_100', lambda m: m.decoder.query.num_embeddings == 100),
    ('layers_3', lambda m: len(m.decoder.layers) == 3),
    ('top1', lambda m: m.mask_choice == 'top1'),
    ('seg', lambda m: list(m.losses) == ['seg']),
    ('seg_area', lambda m: list(m.losses) == ['seg', 'area']),
    ('sentence_only', lambda m: m.backbone.unet.fusion is None),
    ('no_qsa', lambda m: type(m.aggregator).__name__ == 'QueryScoreMLP'),
    ('no_pwca',
     lambda m: type(m.backbone.unet.fusion).__name__ == 'PooledWordFusion'),
])
def test_ablations(name, check, tmp_path):
    assert check(build_model(load(f'less_scanrefer_{name}.py'), tmp_path))


def test_blind_config_hides_the_sentence():
    cfg = load('less_toy_blind.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        transform = TRANSFORMS.build(loader.dataset.pipeline[0])
        results = transform(dict(expressions=[dict(text='the red chair')]))
        assert results['expressions'][0]['text'] == 'the object .'
