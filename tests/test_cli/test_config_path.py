from __future__ import annotations
import argparse

import pytest

from mmlangseg.cli.config_path import check_config, find_config


@pytest.fixture
def configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('less/toy/less_toy.py', 'a/same.py', 'b/same.py', 'top.py'):
        path = tmp_path / 'configs' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize('path, found', [
    ('configs/top.py', 'configs/top.py'),
    ('configs/less_toy.py', 'configs/less/toy/less_toy.py'),
    ('configs/same.py', 'configs/same.py'),
    ('configs/none.py', 'configs/none.py'),
    ('none/less_toy.py', 'none/less_toy.py'),
    ('less_toy.py', 'less_toy.py'),
    ('org/model', 'org/model'),
])
def test_deeper_by_now(configs, path, found):
    assert find_config(path) == found


def test_the_user_is_told(configs, capsys):
    parser = argparse.ArgumentParser()
    assert check_config(parser, 'configs/less_toy.py') == \
        'configs/less/toy/less_toy.py'
    assert capsys.readouterr().out == \
        'configs/less_toy.py is configs/less/toy/less_toy.py by now\n'
    assert check_config(parser, 'configs/top.py') == 'configs/top.py'
    assert not capsys.readouterr().out
    with pytest.raises(SystemExit):
        check_config(parser, 'configs/same.py')
    assert 'config configs/same.py does not exist' in capsys.readouterr().err
