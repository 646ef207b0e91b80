from __future__ import annotations
import argparse
from pathlib import Path

import pytest

from mmlangseg.cli.config_path import check_config, find_config, known_models


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
    assert 'config configs/same.py does not exist\n' in \
        capsys.readouterr().err
    with pytest.raises(SystemExit):  # as README.md names it
        check_config(parser, 'outputs/demo/models/less')
    assert 'less does not exist; `make demo` trains' in capsys.readouterr().err


def test_names_of_the_metafiles(tmp_path, monkeypatch, capsys):
    """As users of MMEngine's inferencers name models."""
    less = known_models('less')
    assert Path(less['less_toy']).parts[-4:] == ('configs', 'less', 'toy',
                                                 'less_toy.py')
    assert all(Path(path).is_file() for path in known_models().values())
    assert 'semires_refcoco_iom_1pct' in set(known_models()) - set(less)
    assert find_config('less_toy') == less['less_toy']
    assert find_config('less_tyo') == 'less_tyo'
    parser = argparse.ArgumentParser()
    assert check_config(parser, 'less_toy') == less['less_toy']
    assert capsys.readouterr().out == f'less_toy is {less["less_toy"]}\n'
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'less_toy').mkdir()  # a model folder of the user
    assert find_config('less_toy') == 'less_toy'
