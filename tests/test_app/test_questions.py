"""Questions of the image page without the page; public models."""
from __future__ import annotations
from pathlib import Path

import numpy as np
import pytest
import tiny_public
from app_parts.class_box import parse_classes
from app_parts.questions import about_classes, about_sentence, ask_all
from app_parts.session_files import SessionEndedError, SessionFiles
from command_line import call
from image_kinds import KINDS

from mmlangseg.apis import SemiRESInferencer, SSegInferencer
from mmlangseg.visualization import write_png


@pytest.fixture
def picture(tmp_path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    write_png(tmp_path / 'cat.png', pixels)
    return tmp_path / 'cat.png'


@pytest.fixture
def answers(tmp_path):
    """Makes folders for answers; gives those that were made."""
    files = SessionFiles(tmp_path)

    def make():
        make.made.append(files.new_answer('session', 'box', None))
        return make.made[-1]

    make.made = []
    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize('kind', ['clipseg', 'sam3'])
def test_public_models_by_sentences(tmp_path, picture, answers, kind):
    folder = tiny_public.WRITERS[kind](tmp_path / 'model')
    model = SemiRESInferencer(str(folder), device='cpu')
    html, = ask_all(about_sentence(model, 'a cat'), [picture], answers)
    assert 'score' in html
    call('infer.py', folder, '--image', picture, '--text', 'a cat', '--out',
         tmp_path / 'out', '--device', 'cpu')
    assert contents(answers.made[0].folder) == contents(tmp_path / 'out')


@pytest.mark.parametrize('kind', ['clipseg', 'sam3', 'groupvit'])
def test_public_models_by_classes(tmp_path, picture, answers, kind):
    folder = tiny_public.WRITERS[kind](tmp_path / 'model')
    model = SSegInferencer(str(folder), device='cpu')
    ask = about_classes(model, parse_classes('cat; kitten\ndog'), 0.4)
    html, = ask_all(ask, [picture], answers)
    assert '%</td>' in html
    call('infer.py', folder, '--image', picture, '--classes', 'cat;kitten,dog',
         '--threshold', '0.4', '--out', tmp_path / 'out', '--device', 'cpu')
    assert contents(answers.made[0].folder) == contents(tmp_path / 'out')


def test_images_that_cannot_be_used(tmp_path, picture, answers):
    asked = []

    def ask(name, pixels, answer):
        asked.append((name, pixels))
        return 'answered'

    kinds = tmp_path / 'kinds'
    kinds.mkdir()
    for name, (data, _, _) in KINDS.items():
        (kinds / name).write_bytes(data)
    (kinds / 'cut.png').write_bytes(picture.read_bytes()[:-200])
    (kinds / 'empty.png').touch()
    (kinds / 'page.jpg').write_text('<html><script>alert(1)</script>')
    paths = [kinds / name for name in KINDS]
    wrong = [kinds / 'cut.png', kinds / 'empty.png', kinds / 'page.jpg',
             kinds / 'gone.png']  # yapf: disable
    said = list(ask_all(ask, [*paths, *wrong], answers))
    assert said[:len(paths)] == ['answered'] * len(paths)
    for (name, pixels), path in zip(asked, paths):
        assert name == path.name
        assert np.array_equal(pixels, KINDS[name][1])
    for text, expected in zip(said[len(paths):], [
            'damaged or cut off', 'it is empty', 'it is none of JPEG',
            'no longer here'
    ]):
        assert expected in text and str(tmp_path) not in text
    assert len(answers.made) == len(paths)


def test_too_many_pixels(picture, answers, monkeypatch):
    monkeypatch.setattr('app_parts.questions.MAX_PIXELS', 60 * 40 - 1)
    said, = ask_all(lambda *_: 'asked', [picture], answers)
    assert 'it has 60 x 40 pixels' in said and not answers.made


def test_nothing_is_asked_for_a_page_that_was_closed(tmp_path, picture):
    files = SessionFiles(tmp_path)
    asked = []

    def ask(name, *_):
        asked.append(name)
        files.forget('session')
        return 'answered'

    answers = ask_all(ask, [picture] * 3,
                      lambda: files.new_answer('session', 'box', None))
    assert next(answers) == 'answered'
    with pytest.raises(SessionEndedError):
        next(answers)
    assert len(asked) == 1 and not list(files.results.iterdir())
