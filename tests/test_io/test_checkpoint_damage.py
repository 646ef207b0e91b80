from __future__ import annotations
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmlangseg.compat.loading import load_from_local
from mmlangseg.io.checkpoint_damage import CheckpointError


def torch_file(content: object) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


def cut_off(path: Path) -> None:
    torch.save(dict(state_dict={'a': torch.ones(500)}), path)
    path.write_bytes(path.read_bytes()[:1500])


def zip_archive(path: Path) -> None:
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('epoch_1.pth', 'x')


# how it is made, and what is said of it
DAMAGED = dict(
    cut_off=(cut_off, 'it is cut off, its 1,500 bytes have no end; copy'),
    empty=(Path.touch, 'the file is empty; copy'),
    text=(lambda path: path.write_text('one\ntwo\n'), 'it is a text file'),
    html=(lambda path: path.write_text('\n<!DOCTYPE html><html>Sign in'),
          'it is a web page'),
    lfs=(lambda path: path.write_text(
        'version https://git-lfs.github.com/spec/v1\n'), 'git lfs pull'),
    archive=(zip_archive, 'it is a zip archive, but none of torch'),
    noise=(lambda path: path.write_bytes(bytes(range(256))),
           'The file is damaged, or no checkpoint; copy'),
    pickle=(lambda path: path.write_bytes(b'\x80\x02}q\x00c__main__\nA\n.'),
            'GLOBAL __main__.A was not an allowed global'),
    list=(torch_file([torch.ones(2)]), 'it holds a list, not weights'),
    words=(torch_file({'epoch': 3}), 'there are no weights in it, only epoch'),
    no_weights=(torch_file(dict(state_dict={}, optimizer=torch.ones(2))),
                'no weights in it, only state_dict, optimizer'),
    text_state=(torch_file(dict(state_dict='x', a=torch.ones(2))),
                'its state_dict is a str'),
    numbers=(torch_file({1: torch.ones(2)}),
             'have no names, but keys such as'),
)  # yapf: disable


@pytest.mark.parametrize('kind', DAMAGED)
def test_the_message_says_what_it_is(kind, tmp_path):
    make, said = DAMAGED[kind]
    path = tmp_path / 'damaged.pth'
    make(path)
    with pytest.raises(CheckpointError) as error:
        load_from_local(str(path))
    message = str(error.value)
    assert message.startswith(f'cannot load checkpoint {path}: ')
    assert said in message
    assert '\n' not in message
    # only what may be sound is worth trust
    assert ('NO_WEIGHTS_ONLY' in message) == (kind == 'pickle')


@pytest.mark.parametrize('content', [
    {'a': torch.ones(2)},
    {'state_dict': {'a': torch.ones(2)}, 'epoch': 3},
    {'model': {'a': torch.ones(2)}},
    {'model': {'body': {'a': torch.ones(2)}}},
])  # yapf: disable
def test_weights_may_be_nested(content, tmp_path):
    torch.save(content, tmp_path / 'a.pth')
    assert str(load_from_local(str(tmp_path / 'a.pth'))) == str(content)
