from __future__ import annotations
from pathlib import Path

import pytest
from config_files import find_config
from mmengine.config import Config

from mmlangseg.engine.required_inputs import require_inputs
from mmlangseg.text.words import describe_source

ROOT = Path(__file__).resolve().parents[2]


def _vocabularies(node) -> list[str]:
    """The files of words that the model of a config names."""
    if not isinstance(node, dict):
        return []
    own = node.get('vocabulary')
    found = [own] if 'GRU' in str(node.get('type')) else []
    return found + [x for child in node.values() for x in _vocabularies(child)]


@pytest.mark.parametrize('config, command', [
    ('less_own_scans', 'own_scans.py MY_SCANS data/own_scans writes it'),
    ('semires_own_images', 'refcoco_split.py data/own_images/mine --words'),
    ('sseg_own_pairs', 'caption_words.py CONFIG data/own_pairs/words.txt'),
    ('less_toy', 'make_toy.py'),
    ('semires_toy_burnin_5pct', 'make_toy.py'),
    ('sseg_toy', 'make_toy.py'),
])
def test_the_tool_of_each_data_source(config, command, monkeypatch, tmp_path):
    cfg = Config.fromfile(find_config(config))
    path, *_ = _vocabularies(cfg.model)
    assert command in describe_source(path)
    program = describe_source(path).split()[0]
    assert (ROOT / program).is_file()
    monkeypatch.chdir(tmp_path)  # where there are no data
    with pytest.raises(SystemExit) as stop:
        require_inputs(Config(dict(model=cfg.model)), [])
    assert f'vocabulary: {path}; {describe_source(path)}' in str(stop.value)


def test_other_files_of_words():
    scanrefer = 'data/scannet/annotations/scanrefer_train.words.txt'
    assert 'converters/scanrefer.py' in describe_source(scanrefer)
    assert 'GloVe' in describe_source('glove.840B.300d.txt')
    # 'toys' is not one of our toy sets
    assert 'own_scans.py' in describe_source('toys/annotations/a.words.txt')
