from __future__ import annotations
import json

import pytest

from mmlangseg.io.cache_folder import CacheError, CacheFolder


class SmallCache(CacheFolder):
    format = 'small'
    kind = 'small cache'
    tool = 'tools/small.py'
    later = ('generator.sha256', )


HEADER = dict(dataset='mine', generator=dict(name='sam', sha256='1'), size=[4])


@pytest.fixture
def root(tmp_path):
    SmallCache.create(tmp_path, HEADER)
    return tmp_path


def change(root, **fields):
    """Set fields of the header, or take those out that are None."""
    path = root / 'header.json'
    header = {**json.loads(path.read_text()), **fields}
    path.write_text(
        json.dumps({
            k: v
            for k, v in header.items() if v is not None
        }))


def test_another_run_goes_on(root):
    assert SmallCache.create(root, HEADER).header['size'] == [4]
    # a tuple is a list in JSON
    SmallCache.create(root, dict(HEADER, size=(4, )))


@pytest.mark.parametrize('fields, message', [
    (dict(size=[5]), 'field "size" is \\[5\\], this run has \\[4\\]'),
    (dict(size=None), 'field "size" is None, this run has \\[4\\]'),
    (dict(generator=dict(name='dino', sha256='1')), 'field "generator"'),
    (dict(generator=dict(sha256='1')), 'field "generator"'),
    (dict(generator=dict(name='sam', sha256='2')), 'field "generator"'),
])
def test_another_header_is_refused(root, fields, message):
    """One that lacks a field is another one, too."""
    change(root, **fields)
    with pytest.raises(CacheError, match=message):
        SmallCache.create(root, HEADER)


def test_fields_of_later_versions_may_be_missing(root):
    change(root, generator=dict(name='sam'))
    SmallCache.create(root, HEADER)
    assert SmallCache(root, dict(generator=HEADER['generator'])).root == root
