"""What `make demo` runs, and what it says at its end; without trainings."""
from __future__ import annotations
import json
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
RECORDS = [
    dict(scene_id='scene0300_00', text=text, groups=['all', group], iou=iou)
    for text, group, iou in (('a bin .', 'kind', 0.9),
                             ('the bin .', 'kind', 0.8),
                             ('the left bin .', 'relation', 0.25),
                             ('a red bin .', 'colour', 0.5))
] + [
    dict(scene_id=scene, text=f'a {name} .', groups=['kind'], iou=iou)
    for scene, iou in (('scene0301_00', 0.1), ('scene0302_00', 1.))
    for name in ('bed', 'sofa', 'lamp')
] + [dict(scene_id='scene0303_00', text='a bed .', groups=['kind'], iou=0.)]


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import demo
    yield demo
    sys.modules.pop('demo')


def write_results(folder: Path) -> None:
    metrics = {'mIoU': 46.04, 'Acc@0.25': 70.}
    results = folder / 'outputs/demo/less_toy_demo.json'
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps(dict(metrics=metrics, records=RECORDS)))


def test_parts_belong_together(demo):
    lanes = demo.less(), demo.semires(), demo.sseg()
    for parts in lanes:
        made = set()
        for part in parts:
            assert set(part.inputs) <= made | set(part.outputs)
            made |= {*part.outputs, *part.inputs}
            for config in part.configs:
                assert (ROOT / config).is_file()
    keys = [part.key for parts in lanes for part in parts]
    assert len(set(keys)) == len(keys) == 13


def test_configs_say_what_the_parts_assume(demo):

    def read(part) -> Config:
        return Config.fromfile(
            ROOT / part.configs[0], import_custom_modules=False)

    _, burn_in, train, *_ = demo.semires()
    assert read(train).load_from == str(burn_in.outputs[1])
    assert burn_in.outputs[1] in train.inputs
    _, train, *_ = demo.sseg()
    # what class_words asks for
    assert read(train).model.background_threshold == 0.4


def test_models_become_folders(demo):
    for parts in (demo.less(), demo.semires(), demo.sseg()):
        *_, train, model, draw = parts
        assert list(model.command()) == [
            'tools/publish_model.py',
            str(train.configs[0]),
            str(train.outputs[0]),
            str(model.work_dir)
        ]
        assert set(model.outputs) < set(draw.inputs)


def test_typical_room_and_one_sentence_of_each_kind(demo, tmp_path,
                                                    monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results(tmp_path)
    *_, draw = demo.less()
    words = list(draw.command())
    assert words[:2] == ['tools/infer.py', 'outputs/demo/models/less']
    assert [words[i + 1] for i, word in enumerate(words) if word == '--text'
            ] == ['a bin .', 'a red bin .', 'the left bin .']
    scan = words[words.index('--scan') + 1]
    assert scan == ('data/less_toy/scans/scene0300_00/'
                    'scene0300_00_vh_clean_2.ply')


def test_end_names_score_pictures_and_next_command(demo, tmp_path,
                                                   monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results(tmp_path)
    folder = tmp_path / 'outputs/demo/less'
    folder.mkdir()
    (folder / 'room.html').touch()
    (folder / 'room.json').write_text(
        json.dumps(dict(results=[dict(text='a bin .', png='room_0.png')])))
    example = demo.less_example(demo.less())
    assert 'mIoU 46.0, Acc@0.25 70.0 on 720 sentences' in example.figure
    assert example.pictures == [(Path('outputs/demo/less/room_0.png'),
                                 '"a bin .": IoU 90 % with the object meant')]
    assert 'bin/python tools/infer.py outputs/demo/models/less ' in \
        example.next_command
    assert '--scan MY.ply' in example.next_command
