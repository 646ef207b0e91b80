"""Files of sessions stay apart, and go with them."""
from __future__ import annotations
from pathlib import Path

import pytest
from app_parts.session_files import SessionEndedError, SessionFiles


@pytest.fixture
def files(tmp_path):
    return SessionFiles(tmp_path)


def upload(files: SessionFiles, name: str) -> Path:
    """As gradio stores it, in a folder of the content's hash."""
    path = files.uploads / name / f'{name}.png'
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'1234')
    return path


def test_an_upload_goes_with_the_last_who_has_it(files):
    a, b = upload(files, 'a'), upload(files, 'b')
    files.hold('first', 'left', [a, b])
    files.hold('second', 'left', [b])
    assert files.uploaded_bytes() == 8
    files.hold('first', 'right', [a])
    files.hold('first', 'left', [])
    assert a.exists() and b.exists()
    files.forget('first')
    assert not a.parent.exists() and b.exists()
    files.forget('second')
    assert not list(files.uploads.iterdir())
    files.forget('nobody')


def test_uploaded(files, tmp_path):
    a = upload(files, 'a')
    assert files.uploaded([dict(path=str(a))]) == [a.resolve()]
    assert files.uploaded(None) == files.uploaded([]) == []
    outside = tmp_path / 'uploads.png'
    outside.touch()
    (files.uploads / 'link').symlink_to(outside)
    for wrong in (outside, files.uploads, files.uploads / '..' / 'results',
                  files.uploads / 'link', '', 'a.png', None, 3):
        with pytest.raises(ValueError, match='not uploaded here'):
            files.uploaded([dict(path=wrong and str(wrong))])
    with pytest.raises(ValueError, match='not uploaded here'):
        files.uploaded([str(a)])


def test_an_answer_is_for_one_browser(files):
    answer = files.new_answer('first', 'left', 'owner')
    (answer.folder / 'a.png').touch()
    path = answer.folder / 'a.png'
    assert files.find(answer.token, 'a.png', 'owner') == path
    for wrong in ((answer.token, 'a.png',
                   'other'), (answer.token, 'a.png',
                              None), (answer.token, 'b.png',
                                      'owner'), (answer.token, '..', 'owner'),
                  ('..', 'uploads', 'owner'), ('', 'a.png', 'owner')):
        assert files.find(*wrong) is None


def test_answers_are_replaced_and_forgotten(files):
    old, other, mine = (
        files.new_answer(*key, None)
        for key in (('first', 'left'), ('first', 'right'), ('second', 'left')))
    assert len({old.token, other.token, mine.token}) == 3
    files.begin('first', 'left')
    assert [each.folder.exists()
            for each in (old, other, mine)] == [False, True, True]
    files.forget('first')
    assert [each.folder.exists()
            for each in (old, other, mine)] == [False, False, True]
    assert files.find(old.token, 'a', None) is None
    # the model goes on after the page was closed
    with pytest.raises(SessionEndedError):
        files.new_answer('first', 'left', None)
    files.begin('first', 'left')  # the page is back
    files.new_answer('first', 'left', None)
