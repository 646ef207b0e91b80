from __future__ import annotations

import pytest
from config_files import ENTRIES
from mmengine.config import Config

from mmlangseg.cli.config_keys import find_value, read_config, read_keys

TOOLS_READ = ['pseudo_mask_generator']  # of S-Seg's tools
TEXT = """
data_root = 'data/mine/'
num_points = 500
load = [dict(type='Load')]
model = dict(type='M', test_cfg=dict(mode='slide', stride=(1, 1)))
train_dataloader = dict(
    batch_size=2,
    dataset=dict(root=data_root, pipeline=[*load, dict(num_points=500)]))
test_dataloader = dict(dataset=dict(ann_file=data_root + 'a.json'))
env_cfg = dict(cudnn_benchmark=False)
"""


@pytest.fixture
def read(tmp_path):

    def run(*options: str, text: str = TEXT) -> Config:
        path = tmp_path / 'mine.py'
        path.write_text(text)
        return read_config(path, dict(o.split('=') for o in options))

    return run


def test_options_that_are_read(read):
    cfg = read('model.new.key=1', 'train_dataloader.batch_size=7',
               'sync_bn=torch', 'train_dataloader.dataset.pipeline.0.a=b')
    assert cfg.model.new.key == '1'
    assert cfg.sync_bn == 'torch'
    assert cfg.train_dataloader.dataset.pipeline[0] == dict(type='Load', a='b')


@pytest.mark.parametrize('option, message', [
    ('train_dataset.batch_size', 'Did you mean train_dataloader'),
    ('modle.type', 'nothing reads modle. Did you mean model'),
    ('env_cfg.cudnn_benchmrk', 'mean cudnn_benchmark'),
    ('auto_scale_lr.enabled', 'nothing reads auto_scale_lr.enabled.*enable'),
    ('model.test_cfg.strid', 'model.test_cfg has no strid. Did you mean st'),
    ('num_points', 'num_points is a variable .*Set train_dataloader.dataset.'
     'pipeline.1.num_points'),
    ('data_root', 'variable.*Set train_dataloader.dataset.root, test_datal'
     'oader.dataset.ann_file'),
    ('load.0.type', 'load is a variable .*Set train_dataloader.dataset.pipe'),
])
def test_options_without_an_effect(read, option, message):
    with pytest.raises(SystemExit, match=f'mine.py: .*{message}'):
        read(f'{option}=1')


@pytest.mark.parametrize('loop', [
    dict(type='EpochBasedTrainLoop', max_epochs=3, val_begin=2),
    dict(type='IterBasedTrainLoop', max_iters=3, dynamic_intervals=[(1, 2)]),
    dict(type='LoopOfMine', max_steps=3),
    dict(by_epoch=True, max_epochs=3),
])
def test_settings_of_loops(read, loop):
    assert read(text=f'{TEXT}train_cfg = {loop}').train_cfg == loop


@pytest.mark.parametrize('line, message', [
    ('train_dataloder = dict(batch_size=1)', 'train_dataloder.*dataloader'),
    ('optim_wraper = dict(type="AmpOptimWrapper")', 'mean optim_wrapper'),
    ('env_cfg = dict(cudnn_benchmrk=True)', 'env_cfg.cudnn_benchmrk'),
    ('train_cfg = dict(type="EpochBasedTrainLoop", max_epoch=3)',
     'nothing reads train_cfg.max_epoch. Did you mean max_epochs'),
    ('train_cfg = dict(type="EpochBasedTrainLoop", max_iters=3)',
     'nothing reads train_cfg.max_iters'),
    ('train_cfg = dict(type="IterBasedTrainLoop", max_iter=3)',
     'nothing reads train_cfg.max_iter. Did you mean max_iters'),
    ('val_cfg = dict(type="ValLoop", val_interval=3)',
     'nothing reads val_cfg.val_interval'),
])
def test_misspelled_keys_of_the_file(read, line, message):
    with pytest.raises(SystemExit, match=f'mine.py: .*{message}'):
        read(text=TEXT + line)


@pytest.mark.parametrize('constructor, option, message', [
    ('Default', 'norm_decay_mul=0', 'paramwise_cfg.norm_decay_mul. Did you '
     'mean norm_decay_mult'),
    ('Partwise', 'custom_keys.text.lr_mul=5', 'text.lr_mul.*mean lr_mult'),
    ('Default', 'pretrained_text_lr=1e-5', 'pretrained_text_lr: Default.* '
     "does not read it; set .*constructor='PretrainedText"),
])
@pytest.mark.parametrize('several', [False, True])
def test_settings_of_parts(read, constructor, option, message, several):
    """MMEngine looks them up, and never says that one is misspelled."""
    name, place = f'{constructor}OptimWrapperConstructor', 'optim_wrapper'
    wrapper = dict(optimizer=dict(type='SGD'), constructor=name)
    if several:
        wrapper, place = dict(g=wrapper, d=wrapper), 'optim_wrapper.d'
    text = f'{TEXT}optim_wrapper = {wrapper}\n'
    with pytest.raises(SystemExit, match=f'mine.py: .*{message}'):
        read(f'{place}.paramwise_cfg.{option}', text=text)
    read(
        f'{place}.constructor=PretrainedTextConstructor',
        f'{place}.paramwise_cfg.pretrained_text_lr=1e-5',
        f'{place}.paramwise_cfg.custom_keys.text.lr_mult=5',
        text=text)


def test_variables_of_the_file(read):
    assert read(text=TEXT + 'lr = 1e-3\ntest_pipeline = [1]').lr == 1e-3


def test_every_value_of_the_entry_configs_has_an_effect():
    """What stands at the top of a config is read, or agrees with what is."""
    idle = {}
    for path in ENTRIES:
        cfg = Config.fromfile(path, import_custom_modules=False)
        read = read_keys(cfg, TOOLS_READ)
        names = [
            name for name in cfg
            if name not in read and not find_value(cfg, name, TOOLS_READ)
        ]
        if names:
            idle[path.name] = names
    assert len(ENTRIES) > 90 and not idle
