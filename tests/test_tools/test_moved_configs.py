"""Tools find configs by their former places, and by their names."""
from __future__ import annotations
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {  # with what they want besides the config
    'analysis_tools/browse_dataset.py': [],
    'analysis_tools/pseudo_mask_oracle.py': [],
    'publish_model.py': ['a.pth', 'out'],
    'semires/evaluate_refinement.py': ['a.pth'],
    'sseg/caption_words.py': ['words.txt'],
    'sseg/generate_pseudo_masks.py': ['masks'],
    'test.py': ['a.pth'],
    'test_benchmarks.py': ['a.pth'],
    'train.py': [],
}


@pytest.mark.parametrize('tool', TOOLS)
def test_moved_config(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.pth').touch()
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    path = ROOT / 'tools' / tool
    monkeypatch.syspath_prepend(str(path.parent))
    parse_args = runpy.run_path(str(path))['parse_args']
    arguments = [None] if tool == 'test_benchmarks.py' else []
    for config in ('configs/sseg_toy.py', 'sseg_toy'):
        monkeypatch.setattr(sys, 'argv', [tool, config, *TOOLS[tool]])
        found = parse_args(*arguments).config
        assert found.endswith('configs/sseg/toy/sseg_toy.py')
    monkeypatch.setattr(sys, 'argv', [tool, 'none.py', *TOOLS[tool]])
    with pytest.raises(SystemExit):
        parse_args(*arguments)
    assert 'config none.py does not exist' in capsys.readouterr().err
