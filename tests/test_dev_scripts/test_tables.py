"""The tables of the project's READMEs."""
from __future__ import annotations
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / '.dev_scripts'
sys.path.insert(0, str(FOLDER))

import seed_table  # noqa: E402
import synonym_sentences  # noqa: E402
import trivial_predictors  # noqa: E402


def test_seed_table(tmp_path, monkeypatch, capsys):
    for seed, score in enumerate((10., 12., 14.)):
        (tmp_path / f'a_{seed}.json').write_text(
            json.dumps(dict(metrics={'mIoU': score})))
    monkeypatch.setattr(
        sys, 'argv',
        ['seed_table.py', f'ours={tmp_path}/a_*.json', '--metrics', 'mIoU'])
    seed_table.main()
    assert '| ours |     3 | 12.0 ± 2.0 |' in capsys.readouterr().out


def test_seed_table_names_a_row_without_files(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'argv',
                        ['seed_table.py', f'ours={tmp_path}/none_*.json'])
    with pytest.raises(SystemExit, match='none_'):
        seed_table.main()


def test_seed_table_names_a_metric_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / 'a.json').write_text('{"metrics": {"oIoU": 1, "P@0.5": 2}}')
    monkeypatch.setattr(sys, 'argv', ['seed_table.py', f'a={tmp_path}/a.json'])
    message = 'has no Acc@0.25, Acc@0.5, mIoU: choose .* from oIoU, P@0.5'
    with pytest.raises(SystemExit, match=message):
        seed_table.main()


def reword(tmp_path, monkeypatch, words: str) -> list[dict]:
    rows = [
        dict(object_id=i, description=text, token=text.split())
        for i, text in enumerate(['the red chair .', 'the door', 'a couch'])
    ]
    (tmp_path / 'val.json').write_text(
        json.dumps(dict(metainfo=dict(split='val'), data_list=rows)))
    (tmp_path / 'words.txt').write_text(words)
    monkeypatch.setattr(sys, 'argv', [
        'synonym_sentences.py', f'{tmp_path}/val.json', f'{tmp_path}/out.json',
        '--words', f'{tmp_path}/words.txt'
    ])
    synonym_sentences.main()
    content = json.loads((tmp_path / 'out.json').read_text())
    assert content['metainfo'] == dict(split='val')
    return content['data_list']


def test_synonyms(tmp_path, monkeypatch):
    """Words that the training had are no synonyms."""
    rows = reword(tmp_path, monkeypatch, 'the red chair settee')
    assert rows == [
        dict(
            object_id=0,
            description='the crimson seat .',
            token=['the', 'crimson', 'seat', '.'])
    ]


def test_no_synonyms(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match='no sentence of .*val.json'):
        reword(tmp_path, monkeypatch, 'crimson seat settee')


@pytest.mark.parametrize('objects', [[], [1, 2]])
def test_trivial_predictors_choose_one_object(objects):
    expressions = [dict(object_ids=objects, object_name='a', text='the two')]
    with pytest.raises(ValueError, match=f"'the two' means {len(objects)}"):
        trivial_predictors.scene_scores(np.ones(3), expressions)


def test_trivial_predictors_want_scenes(tmp_path, monkeypatch):
    (tmp_path / 'a.py').write_text("default_scope = 'mmseg'")
    monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / 'a.py')])
    with pytest.raises(SystemExit, match='a.py is not of LESS'):
        trivial_predictors.main()


def test_trivial_predictors():
    labels = np.array([1] * 5 + [2] * 3 + [3] * 2)
    expressions = [
        dict(object_ids=[0], object_name='chair'),
        dict(object_ids=[1], object_name='chair'),
        dict(object_ids=[2], object_name='lamp'),
    ]
    scores = trivial_predictors.scene_scores(labels, expressions)
    assert [s['largest object'] for s in scores] == [1, 0, 0]
    assert [s['random object'] for s in scores] == [1 / 3] * 3
    assert [s['random object of the right kind'] for s in scores] == \
        [0.5, 0.5, 1]
