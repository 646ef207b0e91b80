"""What the options of tools/train.py and tools/test.py do to the config."""
from __future__ import annotations
import importlib.util
import os
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest
from config_files import ENTRIES, find_config
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from mmlangseg.apis.model import test_dataset as find_test_dataset
from mmlangseg.engine.launch import load_config

ROOT = Path(__file__).resolve().parents[2]


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


train, test = load_tool('train'), load_tool('test')


@OPTIM_WRAPPERS.register_module()
class MyAmpWrapper(AmpOptimWrapper):
    """A project's own, in mixed precision."""


@OPTIM_WRAPPERS.register_module()
class MyWrapper(OptimWrapper):
    """A project's own, in full precision."""


@pytest.fixture
def config(tmp_path):
    """Write a config file."""

    def write(text: str = '') -> str:
        path = tmp_path / 'toy.py'
        path.write_text(text)
        return str(path)

    return write


class TestLoadConfig:

    def test_work_dir(self, config):
        assert load_config(config()).work_dir == 'work_dirs/toy'
        path = config("work_dir = 'from/config'")
        assert load_config(path).work_dir == 'from/config'
        assert load_config(path, work_dir='given').work_dir == 'given'

    def test_options(self, config):
        cfg = load_config(
            config('model = dict(b=1, d=2)'),
            options={
                'model.b': 2,
                'custom_hooks': [3]
            },
            launcher='slurm')
        assert cfg.model == dict(b=2, d=2) and cfg.custom_hooks == [3]
        assert cfg.launcher == 'slurm'


class TestAmp:

    @pytest.fixture(autouse=True)
    def gpu(self, monkeypatch):
        monkeypatch.setattr(train, 'get_device', lambda: 'cuda')

    @pytest.mark.parametrize('kind', [
        dict(),
        dict(type='OptimWrapper'),
        dict(type='mmengine.OptimWrapper'),
        dict(type=OptimWrapper)
    ])
    def test_switched_on(self, kind):
        wrapper = dict(optimizer=dict(type='SGD', lr=1), clip_grad=None)
        cfg = Config(dict(optim_wrapper=dict(wrapper, **kind)))
        train.enable_amp(cfg)
        assert cfg.optim_wrapper == dict(
            wrapper, type='AmpOptimWrapper', loss_scale='dynamic')

    @pytest.mark.parametrize(
        'kind',
        ['AmpOptimWrapper', AmpOptimWrapper, 'MyAmpWrapper', MyAmpWrapper])
    def test_on_already(self, kind):
        wrapper = dict(type=kind, optimizer=dict(), loss_scale=512.)
        cfg = Config(dict(optim_wrapper=wrapper))
        train.enable_amp(cfg)
        assert cfg.optim_wrapper == wrapper

    def test_several_optimizers(self):
        wrappers = dict(
            constructor='MyConstructor',
            generator=dict(type='OptimWrapper', optimizer=dict()),
            critic=dict(optimizer=dict(), loss_scale=8.))
        cfg = Config(dict(optim_wrapper=wrappers))
        train.enable_amp(cfg)
        for name, scale in (('generator', 'dynamic'), ('critic', 8.)):
            assert cfg.optim_wrapper[name].type == 'AmpOptimWrapper'
            assert cfg.optim_wrapper[name].loss_scale == scale

    @pytest.mark.parametrize('kind', ['MyWrapper', MyWrapper])
    def test_impossible(self, kind):
        cfg = Config(dict(optim_wrapper=dict(type=kind, optimizer=dict())))
        with pytest.raises(SystemExit, match='MyWrapper'):
            train.enable_amp(cfg)

    def test_unknown(self):
        cfg = Config(dict(optim_wrapper=dict(type='Typo', optimizer=dict())))
        with pytest.raises(SystemExit, match='Typo.*not a registered'):
            train.enable_amp(cfg)

    def test_needs_a_gpu(self, monkeypatch):
        monkeypatch.setattr(train, 'get_device', lambda: 'cpu')
        with pytest.raises(SystemExit, match='needs a GPU'):
            train.enable_amp(Config(dict(optim_wrapper=dict())))


class TestAutoScaleLR:

    def test_switched_on(self):
        cfg = Config(dict(auto_scale_lr=dict(base_batch_size=16)))
        train.enable_auto_scale_lr(cfg)
        assert cfg.auto_scale_lr == dict(base_batch_size=16, enable=True)

    @pytest.mark.parametrize('name, gpus', [
        ('less_scanrefer', 1),
        ('less_own_scans', 1),
        ('lavt_refcoco', 4),
        ('semires_refcoco_iom_1pct', 4),
        ('semires_own_images', 1),
        ('semires_own_images_burnin', 1),
        ('sseg_swin-s_cc12m', 32),
        *((path.stem, 1) for path in ENTRIES if '_toy' in path.stem),
    ])
    def test_the_rate_of_a_config_is_for_its_batch(self, name, gpus):
        cfg = Config.fromfile(find_config(name))
        sentences = cfg.train_dataloader.dataset.get('expressions_per_scene',
                                                     1)
        assert cfg.auto_scale_lr.base_batch_size == \
            gpus * sentences * cfg.train_dataloader.batch_size

    @pytest.mark.parametrize('given', [{}, dict(auto_scale_lr=dict())])
    def test_needs_the_base(self, given):
        with pytest.raises(SystemExit, match='base_batch_size'):
            train.enable_auto_scale_lr(Config(given))


class TestResume:

    def test_nothing_to_resume_keeps_the_pretrained_weights(self, tmp_path):
        cfg = Config(dict(work_dir=str(tmp_path), load_from='weights.pth'))
        train.set_resume(cfg, 'auto')
        assert not cfg.get('resume')
        assert cfg.load_from == 'weights.pth'

    def test_auto(self, tmp_path):
        (tmp_path / 'epoch_4.pth').touch()
        cfg = Config(dict(work_dir=str(tmp_path), load_from='weights.pth'))
        train.set_resume(cfg, 'auto')
        assert cfg.resume
        assert cfg.load_from == str(tmp_path / 'epoch_4.pth')

    def test_given(self, tmp_path):
        cfg = Config(dict(work_dir=str(tmp_path)))
        train.set_resume(cfg, 'mine.pth')
        assert cfg.resume and cfg.load_from == 'mine.pth'
        assert cfg.custom_hooks == [dict(type='CheckpointMatchHook')]


class TestOut:

    @pytest.mark.parametrize('wrap', [
        lambda metric: metric, lambda metric: [dict(type='Other'), metric],
        lambda metric: dict(type='Evaluator', metrics=[metric])
    ])
    @pytest.mark.parametrize(
        'kind', ['ReferringSegMetric', 'mmengine.ReferringSegMetric'])
    def test_reaches_the_metric(self, wrap, kind):
        cfg = Config(dict(test_evaluator=wrap(dict(type=kind))))
        test.set_out_file(cfg, 'out/a.json')
        expected = wrap(dict(type=kind, out_file='out/a.json'))
        assert cfg.test_evaluator == expected

    def test_several_metrics(self):
        metrics = [dict(type='ReferringSegMetric') for _ in range(2)]
        cfg = Config(dict(test_evaluator=metrics))
        test.set_out_file(cfg, 'a.json')
        assert [m.out_file
                for m in cfg.test_evaluator] == ['a.json', 'a_1.json']

    def test_other_metrics(self):
        cfg = Config(dict(test_evaluator=dict(type='IoUMetric')))
        with pytest.raises(SystemExit, match='ReferringSegMetric.*IoUMetric'):
            test.set_out_file(cfg, 'a.json')

    def test_masks_of_sentences_only(self):
        cfg = Config(dict(test_evaluator=dict(type='IoUMetric')))
        with pytest.raises(SystemExit, match='--masks .*IoUMetric'):
            test.set_masks_file(cfg, 'a.jsonl')


class TestShow:

    def test_hook_is_switched_on(self):
        cfg = Config(dict(default_hooks=dict(visualization=dict(type='V'))))
        test.set_visualization(
            cfg, Namespace(show=True, wait_time=3, show_dir='pictures'))
        assert cfg.default_hooks.visualization == dict(
            type='V',
            draw=True,
            show=True,
            wait_time=3,
            test_out_dir=os.path.abspath('pictures'))

    def test_needs_the_hook(self):
        with pytest.raises(SystemExit, match='visualization'):
            test.set_visualization(Config(), Namespace())


class TestTTA:

    def test_model_and_pipeline(self):
        cfg = Config(
            dict(
                model=dict(type='M'),
                tta_model=dict(type='T'),
                tta_pipeline=['tta'],
                test_dataloader=dict(
                    dataset=dict(
                        type='RepeatDataset',
                        dataset=dict(type='D', pipeline=['plain'])))))
        test.set_tta(cfg)
        assert cfg.model == dict(type='T', module=dict(type='M'))
        assert cfg.test_dataloader.dataset.dataset.pipeline == ['tta']

    def test_data_sets_behind_each_other(self):
        parts = [dict(type='D', pipeline=['plain']) for _ in range(2)]
        cfg = Config(
            dict(
                model=dict(type='M'),
                tta_model=dict(type='T'),
                tta_pipeline=['tta'],
                test_dataloader=dict(
                    dataset=dict(type='ConcatDataset', datasets=parts))))
        assert find_test_dataset(cfg).pipeline == ['plain']  # of inference
        test.set_tta(cfg)
        dataset = cfg.test_dataloader.dataset
        assert 'pipeline' not in dataset
        assert [part.pipeline for part in dataset.datasets] == [['tta']] * 2

    def test_no_second_softmax_of_probabilities(self):
        cfg = Config(
            dict(
                model=dict(type='SSeg', visual_projection=dict()),
                tta_model=dict(type='mmseg.SegTTAModel'),
                tta_pipeline=[],
                test_dataloader=dict(dataset=dict(type='D'))))
        with pytest.raises(SystemExit, match='set .*ProbabilityTTAModel'):
            test.set_tta(cfg)

    def test_needs_the_config(self):
        with pytest.raises(SystemExit, match='tta_model'):
            test.set_tta(Config())


class TestArguments:

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch):
        monkeypatch.setenv('LOCAL_RANK', '')  # restored at the end
        monkeypatch.delenv('LOCAL_RANK')

    @pytest.mark.parametrize('tool, args, message', [
        (train, ['no.py'], 'config no.py does not exist'),
        (train, [__file__, '--resume', 'no.pth'], 'no.pth does not exist'),
        (test, ['no.py', 'no.pth'], 'config no.py does not exist'),
        (test, [__file__, 'no.pth'], 'checkpoint no.pth does not exist'),
        (test, [__file__, __file__, '--out', 'a.pkl'], 'must end in .json'),
        (test, [__file__, __file__, '--masks', 'a.json'], 'end in .jsonl'),
        (test, [__file__, __file__, '--out', f'{__file__}/a.json'
                ], f"File exists: '{os.path.abspath(__file__)}'"),
    ])
    def test_one_clear_line(self, tool, args, message, monkeypatch, capsys):
        monkeypatch.setattr(sys, 'argv', ['tool', *args])
        with pytest.raises(SystemExit):
            tool.parse_args()
        assert capsys.readouterr().err.splitlines()[-1].endswith(message)

    @pytest.mark.parametrize('spelling', ['--local-rank', '--local_rank'])
    def test_local_rank(self, spelling, monkeypatch):
        monkeypatch.setattr(sys, 'argv', ['train', __file__, spelling, '3'])
        train.parse_args()
        assert os.environ['LOCAL_RANK'] == '3'

    @pytest.mark.parametrize('args, expected', [
        ([], None), (['--resume'], 'auto'), (['--resume', __file__], __file__)
    ])  # yapf: disable
    def test_resume(self, args, expected, monkeypatch):
        monkeypatch.setattr(sys, 'argv', ['train', __file__, *args])
        assert train.parse_args().resume == expected
