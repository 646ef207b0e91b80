"""SemiRES from the command line on a few toy pictures: burn-in, mutual
learning with candidates, test."""
from __future__ import annotations
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_sam
import torch
from command_line import (ROOT, assert_equal, block, call,
                          keep_config_unformatted, run, run_processes, scalars)
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from pycocotools import mask as mask_utils

from mmlangseg.compat.onedl import has_onedl
from mmlangseg.evaluation import read_predictions

BURN_IN = ROOT / 'configs/semires/toy/semires_toy_supervised_5pct.py'
BASES = ('models/semires_toy.py', 'datasets/semires_toy.py',
         'schedules/semires_toy.py', 'runtime.py')
MUTUAL = f"""
_base_ = {[f'{ROOT}/configs/_base_/{base}' for base in BASES]}
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires', 'toy_task'], allow_failed_imports=False)
load_from = 'burnin/epoch_1.pth'
val_cfg = dict(type='mmdet.TeacherStudentValLoop')
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='TeacherHook', momentum=0.1),
    dict(type='PseudoLabelVisualizationHook', interval=2)
]
default_hooks = dict(
    checkpoint=dict(save_best='teacher/oIoU', rule='greater'))
"""
DATA = 'data/semires_toy'
EPOCH = 3  # iterations
# what training and testing do not need; OneDL's MMDetection needs skimage
BLOCKED = ('mmdet3d', 'spconv', 'open3d', 'plyfile', 'segment_anything',
           'torchvision', *([] if has_onedl() else ['skimage']))
# small enough for seconds: a narrow Swin, few iterations and pictures
SMALL = {
    'model.segmentor.backbone.embed_dims': 8,
    'model.segmentor.decode_head.channels': 16,
    'train_cfg.val_interval': 1,
    'train_dataloader.batch_size': 4,
    'train_dataloader.sampler.batch_size': 4,
    'train_dataloader.sampler.batches_per_epoch': EPOCH,
    **{
        f'{split}_dataloader.{key}': value
        for split in ('train', 'val', 'test')
        for key, value in dict(num_workers=0, persistent_workers=False).items(
        )
    },
    # one picture a batch, so that two processes make the same batches
    'test_dataloader.batch_size': 1,
    'test_dataloader.dataset.indices': 7,
    'val_dataloader.dataset.indices': 4,
    'default_hooks.logger.interval': 1,
}


def options(**changes) -> list[str]:
    values = {**SMALL, **changes}
    return [
        '--cfg-options', *(f'{key}={value}' for key, value in values.items())
    ]


def train_args(work_dir: str, config: Path | str, epochs: int) -> list:
    return [
        config, '--work-dir', work_dir, '--resume',
        *options(**{'train_cfg.max_epochs': epochs})
    ]


@pytest.fixture(scope='module', autouse=True)
def trained(tmp_path_factory) -> Iterator[Path]:
    """The folder to work in, with a toy set of 20 pictures, one labelled;
    burn-in in ``burnin`` and an uninterrupted mutual learning of two epochs
    in ``whole``."""
    folder = tmp_path_factory.mktemp('semires_toy')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the processes, whose losses are compared
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # MMEngine formats the config for every checkpoint: a second each
        keep_config_unformatted(patch)
        block(BLOCKED)
        call('dataset_converters/make_toy.py', 'semires', DATA, '--num-train',
             20, '--num-val', 3)
        call('train.py', *train_args('burnin', BURN_IN, 1))
        Path('mutual.py').write_text(MUTUAL)
        call('train.py', *train_args('whole', 'mutual.py', 2))
        yield folder
    torch.set_num_threads(threads)


def test_mutual_learning_starts_from_the_burn_in(trained):
    burn_in = torch.load(trained / 'burnin/epoch_1.pth', weights_only=False)
    first = scalars(trained / 'whole', 'unsup_loss')[1]
    assert {
        'sup_loss', 'unsup_loss', 'matched', 'pseudo_mIoU', 'refined_mIoU'
    } <= set(first)
    final = torch.load(trained / 'whole/epoch_2.pth', weights_only=False)
    name = 'decode_head.conv_seg.weight'
    start = burn_in['state_dict'][f'student.{name}']
    teacher, student = (
        final['state_dict'][f'{part}.{name}']
        for part in ('teacher', 'student'))
    # the teacher follows the student slowly
    assert 0 < (teacher - start).norm() < (student - start).norm()


def test_both_networks_are_evaluated_and_the_best_teacher_kept(trained):
    rows = scalars(trained / 'whole', 'teacher/oIoU')
    assert len(rows) == 2
    for row in rows.values():
        assert {'student/oIoU', 'student/P@0.5', 'teacher/P@0.5'} <= set(row)
    assert len(list((trained / 'whole').glob('best_teacher_oIoU_*.pth'))) == 1


def test_pictures_of_pseudo_labels(trained):
    names = [path.name for path in (trained / 'whole').rglob('pseudo_*.png')]
    assert sorted(names) == [f'pseudo_label_{i}.png' for i in (2, 4, 6)]


def test_refiners_can_be_compared_before_training(trained, capsys):
    call('semires/evaluate_refinement.py', 'mutual.py', 'whole/epoch_2.pth',
         '--refiner', 'KeepPseudoLabel', '--refiner', 'IOM', 'threshold=0.3',
         '--max-samples', 30, '--out', 'quality.json', *options())
    rows = json.loads(Path('quality.json').read_text())
    assert rows['objects'] == 30
    kept = rows['KeepPseudoLabel']
    assert kept['mIoU'] == rows['teacher'] and kept['matched'] == 0
    iom = rows['IOM threshold=0.3']
    share = iom['matched'] / 100
    gain = share * (iom['matched_after'] - iom['matched_before'])
    assert iom['mIoU'] - rows['teacher'] == pytest.approx(gain)
    assert '30 objects' in capsys.readouterr().out


def test_the_teacher_of_a_burn_in(trained):
    """It has random weights, whose masks no refiner improves."""
    args = ('mutual.py', 'burnin/epoch_1.pth', '--refiner', 'KeepPseudoLabel',
            '--max-samples', 2)
    with pytest.raises(
            AssertionError, match='of a burn-in.*--network student'):
        call('semires/evaluate_refinement.py', *args, *options())
    call('semires/evaluate_refinement.py', *args, '--network', 'student',
         *options())


def test_resume_after_kill(trained):
    """kill -9 in the second epoch, then --resume: nothing differs."""
    whole = scalars(trained / 'whole', 'unsup_loss')
    assert sorted(whole) == list(range(1, 2 * EPOCH + 1))
    Path('killed.py').write_text(f"""
_base_ = ['mutual.py']
default_hooks = dict(kill=dict(type='KillHook', iteration={EPOCH + 1}))
""")
    run(sys.executable,
        ROOT / 'tools/train.py',
        *train_args('killed', 'killed.py', 2),
        code=-signal.SIGKILL)
    assert sorted(scalars(trained / 'killed',
                          'unsup_loss')) == list(range(1, EPOCH + 2))
    call('train.py', *train_args('killed', 'mutual.py', 2))
    assert scalars(trained / 'killed', 'unsup_loss') == whole
    first, second = (
        torch.load(trained / name / 'epoch_2.pth', weights_only=False)
        for name in ('whole', 'killed'))
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_equal(first[key], second[key])


def test_one_and_two_processes(tmp_path):
    """The same records and metrics; seven sentences do not divide by two."""
    common = ['mutual.py', 'whole/epoch_2.pth', '--work-dir', tmp_path]
    call('test.py', *common, '--out', tmp_path / 'one.json', '--masks',
         tmp_path / 'one.jsonl', *options())
    run_processes(2, 'test.py', *common, '--out', tmp_path / 'two.json',
                  *options())
    one = json.loads((tmp_path / 'one.json').read_text())
    assert len(one['records']) == 7
    masks = list(read_predictions(tmp_path / 'one.jsonl'))
    ids = [(m.ids['ref_id'], m.ids['sent_id'], mask_utils.area(m.value))
           for m in masks]
    assert ids == [(r['ref_id'], r['sent_id'], r['n_pred'])
                   for r in one['records']]
    assert one == json.loads((tmp_path / 'two.json').read_text())


class Metrics(Hook):
    """Keeps the metrics of the validation."""

    def after_val_epoch(self, runner, metrics=None) -> None:
        self.metrics = metrics


@pytest.fixture
def make_runner(tmp_path):
    """Build a runner of the config in this process."""

    def make(changes: dict) -> Runner:
        cfg = Config.fromfile('mutual.py')
        cfg.merge_from_dict({
            **SMALL, 'work_dir': str(tmp_path / 'work'),
            'train_cfg.max_epochs': 1,
            **changes
        })
        return Runner.from_cfg(cfg)

    return make


def test_teacher_and_student_are_told_apart(make_runner):
    runner = make_runner({'load_from': None, 'default_hooks.checkpoint': None})
    for network, bias in ((runner.model.teacher, -50.), (runner.model.student,
                                                         50.)):
        network.decode_head.conv_seg.bias.data.copy_(
            torch.tensor([-bias, bias]))
    hook = Metrics()
    runner.register_hook(hook)
    runner.val()
    assert hook.metrics['teacher/oIoU'] == 0 < hook.metrics['student/oIoU']
    assert runner.model.semi_test_cfg['predict_on'] == 'teacher'


def test_candidates_of_segment_anything(make_runner, tmp_path, monkeypatch):
    """A step with the masks of a SAM of random weights, made by the tool."""
    cfg = Config.fromfile('mutual.py')
    dataset = cfg.train_dataloader.dataset
    load = dataset.sources.unlabelled.pipeline[-1]['unsup_teacher'][0]
    load.update(cache=f'{tmp_path}/candidates', required=True)
    runner = make_runner({
        'train_dataloader.dataset': dataset,
        'train_dataloader.sampler.batches_per_epoch': 1
    })
    tiny_sam.stand_in_torchvision(monkeypatch)
    package = pytest.importorskip('segment_anything')
    monkeypatch.setitem(package.sam_model_registry, 'tiny',
                        tiny_sam.build_tiny_sam)
    torch.manual_seed(0)
    torch.save(tiny_sam.build_tiny_sam().state_dict(), tmp_path / 'sam.pth')
    call('semires/generate_candidates.py', tmp_path / 'candidates',
         '--annotations', f'{DATA}/refcoco_toy', '--images',
         f'{DATA}/images/mscoco/images/train2014', '--split', 'train',
         '--size', 64, 64, '--source', 'segment-anything', '--device', 'cpu',
         '--source-options', f'checkpoint={tmp_path}/sam.pth',
         'model_type=tiny', 'points_per_side=2', 'pred_iou_thresh=-100',
         'stability_score_thresh=0')

    counts, refiner = [], runner.model.refiner

    def count_candidates(pseudo, candidates):
        counts.append(len(candidates))
        return refiner(pseudo, candidates)

    runner.model.refiner = count_candidates
    runner.train()
    assert runner.iter == 1
    assert len(counts) == 2 and min(counts) > 0
