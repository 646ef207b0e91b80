from __future__ import annotations

import pytest

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.less.datasets.duplicate_objects import (FILE,
                                                       add_duplicate_objects,
                                                       read_duplicate_objects)


def test_scans_that_are_converted_anew(tmp_path):
    """What is found now counts, and other scans stay."""
    assert read_duplicate_objects(tmp_path) == {}
    add_duplicate_objects(tmp_path, dict(a={}))
    assert not (tmp_path / FILE).exists()
    add_duplicate_objects(tmp_path, dict(a={3: 1}, b={7: 0}))
    add_duplicate_objects(tmp_path, dict(a={4: 2}))
    assert read_duplicate_objects(tmp_path) == dict(a={4: 2}, b={7: 0})
    add_duplicate_objects(tmp_path, dict(a={}))
    assert read_duplicate_objects(tmp_path) == dict(b={7: 0})


@pytest.mark.parametrize(
    'content', ['[]', '{"a": 1}', '{"a": {"x": 1}}', '{"a": {"1": "2"}}'])
def test_damaged_file(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(AnnotationError, match='Delete it, and make it again'):
        read_duplicate_objects(tmp_path)
    add_duplicate_objects(tmp_path, dict(a={4: 2}))
    assert read_duplicate_objects(tmp_path) == dict(a={4: 2})
