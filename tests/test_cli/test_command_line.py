from __future__ import annotations
import argparse

import pytest

from mmlangseg.cli.command_line import check_checkpoint, check_launcher


@pytest.fixture
def parser():
    return argparse.ArgumentParser(prog='tool')


def message(capsys) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_last_checkpoint_names_the_weights(parser, tmp_path, capsys):
    weights, last = tmp_path / 'epoch_3.pth', tmp_path / 'last_checkpoint'
    last.write_text(f'{weights}\n')
    with pytest.raises(SystemExit):
        check_checkpoint(parser, 'checkpoint', str(last))
    assert message(capsys) == (f'tool: error: checkpoint {last} names '
                               f'{weights}, which does not exist')
    weights.touch()
    assert check_checkpoint(parser, 'checkpoint', str(last)) == str(weights)
    last.write_text('/where/it/was/epoch_3.pth')  # the run has moved
    assert check_checkpoint(parser, 'checkpoint', str(last)) == str(weights)
    # the run was copied, and the other one has gone on
    other = tmp_path / 'other' / 'epoch_3.pth'
    other.parent.mkdir()
    other.touch()
    last.write_text(str(other))
    assert check_checkpoint(parser, 'checkpoint', str(last)) == str(weights)
    weights.unlink()  # of CheckpointHook(out_dir=...)
    assert check_checkpoint(parser, 'checkpoint', str(last)) == str(other)


def test_checkpoint_is_taken_as_it_is(parser, tmp_path, capsys):
    url = 'https://example.org/last_checkpoint'
    assert check_checkpoint(parser, 'checkpoint', url) == url
    path = tmp_path / 'a.pth'
    with pytest.raises(SystemExit):
        check_checkpoint(parser, '--resume: checkpoint', str(path))
    assert message(capsys) == ('tool: error: --resume: checkpoint '
                               f'{path} does not exist')
    path.touch()
    assert check_checkpoint(parser, 'checkpoint', str(path)) == str(path)


def test_launcher_without_torchrun(parser, monkeypatch, capsys):
    monkeypatch.delenv('RANK', raising=False)
    check_launcher(parser, 'none', 'tools/dist_train.sh')
    with pytest.raises(SystemExit):
        check_launcher(parser, 'pytorch', 'tools/dist_train.sh')
    assert 'use tools/dist_train.sh' in message(capsys)
    monkeypatch.setenv('RANK', '0')
    check_launcher(parser, 'pytorch', 'tools/dist_train.sh')
