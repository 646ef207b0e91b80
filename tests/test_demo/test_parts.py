"""Parts of the demo: what is skipped, resumed, and begun anew."""
from __future__ import annotations
from dataclasses import replace
from pathlib import Path

import pytest
from demo_parts.part import Part, inherited

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def part(tmp_path: Path) -> Part:
    base = tmp_path / 'base.py'
    base.write_text('a = 1\n')
    config = tmp_path / 'config.py'
    config.write_text("_base_ = './base.py'\nb = 2\n")
    toy = tmp_path / 'toy.json'
    toy.write_text('{"seed": 0}')
    run = tmp_path / 'run'
    return Part(
        'S-Seg',
        'burn in',
        lambda: ['train.py'],
        10,
        configs=(config, ),
        inputs=(toy, ),
        outputs=(run / '*.pth', ),
        work_dir=run,
        resume=('--resume', ))


def run(part: Part, out: Path) -> list[str]:
    words = part.begin(out)
    part.work_dir.mkdir(exist_ok=True)
    (part.work_dir / 'epoch_1.pth').touch()
    return words


def test_finished_part_is_skipped(part, tmp_path):
    assert not part.is_done(tmp_path)
    assert run(part, tmp_path) == ['train.py']
    assert not part.is_done(tmp_path)  # interrupted before its end
    part.finish(tmp_path)
    assert part.is_done(tmp_path)
    (part.work_dir / 'epoch_1.pth').unlink()
    assert not part.is_done(tmp_path)


def test_interrupted_part_is_resumed(part, tmp_path):
    run(part, tmp_path)
    assert part.begin(tmp_path) == ['train.py', '--resume']
    assert (part.work_dir / 'epoch_1.pth').exists()


def test_outputs_deleted_by_hand_are_made_anew(part, tmp_path):
    """`rm -r outputs/demo/*` leaves the hidden stamps; a resumed training
    would have nothing left to do, and not write its results again."""
    run(part, tmp_path)
    part.finish(tmp_path)
    (part.work_dir / 'epoch_1.pth').unlink()
    assert part.begin(tmp_path) == ['train.py']
    assert not part.work_dir.exists()
    run(part, tmp_path)  # interrupted
    assert part.begin(tmp_path) == ['train.py', '--resume']


@pytest.mark.parametrize('changed', ['config.py', 'base.py', 'toy.json'])
def test_change_begins_anew(part, tmp_path, changed):
    run(part, tmp_path)
    part.finish(tmp_path)
    (tmp_path / changed).write_text('c = 3')
    assert not part.is_done(tmp_path)
    assert part.begin(tmp_path) == ['train.py']
    assert not part.work_dir.exists()


def test_another_version_begins_anew(part, tmp_path, monkeypatch):
    run(part, tmp_path)
    part.finish(tmp_path)
    monkeypatch.setattr('demo_parts.part.__version__', '9.9')
    assert not part.is_done(tmp_path)


def test_another_command_begins_anew(part, tmp_path):
    run(part, tmp_path)
    part.finish(tmp_path)
    assert not replace(part, command=lambda: ['new.py']).is_done(tmp_path)


def test_damaged_stamp_is_none(part, tmp_path):
    run(part, tmp_path)
    part.finish(tmp_path)
    stamp, = (tmp_path / '.parts').iterdir()
    stamp.write_text('{')
    assert not part.is_done(tmp_path)


def test_key_names_files(part, tmp_path):
    assert part.log(tmp_path) == tmp_path / 'sseg_burn_in.log'
    assert replace(part, name='training').key == 'sseg_training'


def test_inherited_configs():
    names = {
        path.relative_to(ROOT / 'configs').as_posix()
        for path in inherited(ROOT / 'configs/less/toy/less_toy_demo.py')
    }
    assert names == {
        'less/toy/less_toy_demo.py', 'less/toy/less_toy_seg_area.py',
        'less/toy/less_toy.py', '_base_/models/less.py',
        '_base_/datasets/toy_rooms.py', '_base_/schedules/less.py',
        '_base_/runtime.py'
    }
