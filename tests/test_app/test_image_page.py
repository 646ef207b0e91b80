"""The page for images, in a browser and by HTTP."""
from __future__ import annotations
import json
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import lavt_model
import pytest
import sseg_model
from browser import start_browser
from browser_user import User
from command_line import call, free_port
from mmengine.registry import init_default_scope

from mmlangseg.apis import SemiRESInferencer, SSegInferencer

pytest.importorskip('gradio')

import httpx  # noqa: E402
from app_parts.addresses import is_loopback, port_problem  # noqa: E402
from app_parts.image_page import ImagePage  # noqa: E402

# gradio calls pandas in ways that are to end
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')
LIMIT = 200_000  # bytes of an upload


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """A folder with a small LAVT, a small S-Seg and pictures."""
    folder = tmp_path_factory.mktemp('models')
    init_default_scope('mmseg')
    for name, kind in (('lavt', lavt_model), ('sseg', sseg_model)):
        (folder / name).mkdir()
        kind.write_config(folder / name)
        model = kind.build(kind.model_config(folder / name))
        kind.save_checkpoint(folder / name / 'best.pth', model)
    pictures = folder / 'pictures'
    (folder / 'sseg/data/images').rename(pictures)
    (pictures / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\nbroken')
    (pictures / 'large.png').write_bytes(bytes(LIMIT + 1))
    return SimpleNamespace(
        lavt=[folder / 'lavt/tiny.py', folder / 'lavt/best.pth'],
        sseg=[folder / 'sseg/tiny.py', folder / 'sseg/best.pth'],
        pictures=pictures)


@pytest.fixture(scope='module')
def elsewhere():
    """Hosts that this process asks for, or connects to, but itself."""
    hosts, watching = [], True

    def watch(event: str, args: tuple) -> None:
        address = args[0] if event == 'socket.getaddrinfo' else \
            args[1] if event == 'socket.connect' else None
        host = address[0] if isinstance(address, tuple) else address
        if watching and isinstance(host, str) and not is_loopback(host) \
                and not host.startswith(('/', '\0')):  # no Unix socket
            hosts.append(host)

    sys.addaudithook(watch)  # which cannot be taken away
    yield hosts
    watching = False


@pytest.fixture(scope='module')
def site(models, elsewhere):
    """The page, with both models."""
    site = ImagePage(
        SemiRESInferencer(*map(str, models.lavt), device='cpu'),
        SSegInferencer(*map(str, models.sseg), device='cpu'),
        port=int(free_port()),
        scan_url='http://127.0.0.1:9/',
        max_upload_bytes=LIMIT)
    yield site
    site.stop()
    assert not site.files.uploads.parent.exists()
    assert not elsewhere


@pytest.fixture(scope='module')
def browser():
    with start_browser() as browser:
        yield browser


class ImageUser(User):
    """Asks about images."""

    def __init__(self, browser, url: str) -> None:
        super().__init__(browser, url)
        self.page.locator('#sentence-ask').wait_for()

    def open(self, tab: str) -> None:
        self.page.get_by_role('tab', name=tab).click()

    def bring(self, box: str, *files: Path) -> None:
        """Choose files, and wait until they are uploaded."""
        self.page.locator(f'#{box}-images input[type=file]').set_input_files(
            [str(file) for file in files])
        rows = self.page.locator(f'#{box}-images .file')
        rows.nth(len(files) - 1).wait_for()

    def type(self, box: str, text: str) -> None:
        self.page.locator(f'#{box}-text').locator(
            'textarea, input').first.fill(text)

    def ask(self, box: str, count: int = 1):
        """Click, and wait for answers; gives them as a locator."""
        # else the answer to the last question would do
        self.page.evaluate(
            'box => document.querySelectorAll('
            '`#${box}-answer .answer`).forEach('
            'each => each.remove())', box)
        self.page.locator(f'#{box}-ask').click()
        answers = self.page.locator(f'#{box}-answer .answer')
        answers.nth(count - 1).wait_for()
        return answers


@pytest.fixture
def user(browser, site):
    user = ImageUser(browser, site.url)
    yield user
    assert user.requested and not user.left_loopback()
    user.leave()


def infer(model: list[Path], out: Path, *args) -> Path:
    """What tools/infer.py writes."""
    call('infer.py', *model, *args, '--out', out, '--device', 'cpu')
    return out


def test_masks_are_those_of_infer(user, models, tmp_path):
    pictures = sorted(models.pictures.glob('[012].png'))
    user.bring('sentence', *pictures)
    user.type('sentence', 'the red dog')
    answers = user.ask('sentence', 3)
    for i, picture in enumerate(pictures):
        expected = infer(models.lavt, tmp_path, '--image', picture, '--text',
                         'the red dog')
        stem = picture.stem
        for title, name in (('Mask', f'{stem}_0_mask.png'),
                            ('Picture', f'{stem}_0.png'), ('Score',
                                                           f'{stem}.json')):
            link = answers.nth(i).get_by_role('link', name=title)
            assert link.get_attribute('download') == name
            assert user.download(link) == (expected / name).read_bytes()
        result, = json.loads(
            (expected / f'{stem}.json').read_text())['results']
        text = answers.nth(i).inner_text()
        assert (f'{result["n_pixels"]:,} pixels, score '
                f'{result["score"]:.2f}: the red dog') in text
        assert answers.nth(i).locator('img').evaluate(
            'image => image.decode().then(() => image.naturalWidth)') > 0


def test_label_maps_are_those_of_infer(user, models, tmp_path):
    user.open('Classes')
    user.bring('classes', models.pictures / '1.png')
    user.type('classes', 'cat; kitten\n\ndog, grass')
    for threshold in (['--threshold', '0.5'], []):
        if not threshold:
            user.page.locator('#classes-background input').uncheck()
        answer = user.ask('classes')
        expected = infer(models.sseg, tmp_path, '--image',
                         models.pictures / '1.png', '--classes',
                         'cat;kitten,dog,grass', *threshold)
        for title, name in (('Label map', '1_labels.png'),
                            ('Legend', '1.json'), ('Picture', '1.png')):
            link = answer.get_by_role('link', name=title)
            assert user.download(link) == (expected / name).read_bytes()
        written = json.loads((expected / '1.json').read_text())
        assert written['labels'][0] == ('background' if threshold else 'cat')
        rows = answer.locator('tr').all_inner_texts()
        assert [row.split('\t')[0] for row in rows
                ] == [found['name'] for found in written['classes']]
        assert 'kitten' in answer.locator('.remark').inner_text()


def test_an_unusable_image_does_not_keep_the_others(user, site, models,
                                                    monkeypatch):
    pictures = models.pictures
    user.bring('sentence', pictures / '0.png', pictures / 'broken.png',
               pictures / '1.png')
    user.type('sentence', 'man')
    texts = user.ask('sentence', 3).all_inner_texts()
    assert 'score' in texts[0] and 'score' in texts[2]
    assert texts[1].startswith('broken.png') and 'damaged' in texts[1]
    assert tempfile.gettempdir() not in ''.join(texts)

    # nor does a failure say anything of the machine
    def fail(*_):
        raise RuntimeError(f'CUDA error in {__file__}')

    monkeypatch.setattr(site, 'refer', fail)
    texts = user.ask('sentence', 3).all_inner_texts()
    assert 'The model failed' in texts[0] and 'damaged' in texts[1]
    assert __file__ not in ''.join(texts)


def test_what_is_wrong_is_said(user, models):
    picture = models.pictures / '0.png'
    for box, tab, images, text, message in [
        ('sentence', 'Sentence', [], 'man', 'Choose an image first'),
        ('sentence', 'Sentence', [picture], '  ', 'Type a sentence first'),
        ('classes', 'Classes', [], 'cat', 'Choose an image first'),
        ('classes', 'Classes', [picture], ' ,\n', 'Type names of classes'),
        ('classes', 'Classes', [], 'cat, <b>x</b>',
         "'<b>x</b>' cannot be the name of a class"),
        ('classes', 'Classes', [], 'cat, "dog"', 'without brackets, quotes'),
        ('classes', 'Classes', [], 'cat, cat', "'cat' is given twice"),
        ('classes', 'Classes', [], 'background',
         "class 'background' besides the background"),
    ]:
        user.open(tab)
        if images:
            user.bring(box, *images)
        user.type(box, text)
        answer = user.ask(box)
        assert message in answer.inner_text()
        assert answer.get_attribute('role') == 'alert'
        assert answer.locator('b').count() == 0
        assert 'Traceback' not in user.page.content()


def test_markup_in_a_sentence_is_text(user, models):
    user.bring('sentence', models.pictures / '0.png')
    for text in [
            '<b>x</b>', '<img src=x onerror="document.title=1">',
            '**x** [man](javascript:alert(1)) ${1 + 1} {{man}} $x^2$ &lt;'
    ]:
        user.type('sentence', text)
        answer = user.ask('sentence')
        assert f': {text}\n' in answer.inner_text()
        assert answer.locator('b, img[src=x], strong, .math').count() == 0
        assert user.page.title() == 'MMLangSeg: images'


def test_files_are_refused_before_they_are_sent(user, models, tmp_path):
    large, text = tmp_path / '<img src=x>.png', tmp_path / '<b>.txt'
    with open(large, 'wb') as file:
        file.truncate(4 << 30)  # takes no room
    text.touch()
    user.type('sentence', 'man')
    for files, said in [
        ([large], '<img src=x>.png has 4,096 MB, more than 0.2 MB'),
        ([models.pictures / '0.png', text], '<b>.txt is none of .bmp, .gif'),
    ]:
        user.page.locator('#sentence-images input[type=file]').set_input_files(
            [str(file) for file in files])
        assert said in user.page.locator(
            '#sentence-images-refused').inner_text()
        assert user.page.locator('img[src=x], b').count() == 0
    assert 'Choose an image first' in user.ask('sentence').inner_text()
    user.bring('sentence', models.pictures / '0.png')
    assert user.page.locator('#sentence-images-refused p').is_hidden()
    assert 'score' in user.ask('sentence').inner_text()
    # more are added, by dropping them
    user.page.evaluate("""() => {
        const moved = new DataTransfer();
        moved.items.add(new File(['a'], '<i>.txt'));
        document.querySelector('#sentence-images .file').dispatchEvent(
            new DragEvent('drop', {dataTransfer: moved, bubbles: true}));
    }""")
    assert '<i>.txt is none of' in user.page.locator(
        '#sentence-images-refused').inner_text()
    assert not [url for url in user.requested if url.endswith('txt')]


def test_users_are_apart(browser, site, user, models):
    user.bring('sentence', models.pictures / '0.png')
    user.type('sentence', 'man')
    picture = user.ask('sentence').locator('img').evaluate('img => img.src')
    assert user.context.request.get(picture).ok
    other = ImageUser(browser, site.url)
    assert other.page.locator('.answer, .file').count() == 0
    assert other.context.request.get(picture).status == 404
    other.leave()
    link = user.page.get_by_role('link', name='Scans')
    assert link.get_attribute('href') == 'scans'
    answers, token, name = urlsplit(picture).path.strip('/').split('/')
    assert (answers, name) == ('answers', '0_0.png')
    assert len(token) >= 32


def files_of(site) -> list[Path]:
    return [
        path for path in site.files.uploads.parent.rglob('*')
        if path.is_file()
    ]


def wait_until(condition) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_files_go_with_the_session(browser, site, models):
    assert wait_until(lambda: not files_of(site))
    user = ImageUser(browser, site.url)
    user.bring('sentence', models.pictures / '0.png',
               models.pictures / '1.png')
    user.type('sentence', 'man')
    user.ask('sentence', 2)
    first = files_of(site)
    assert len(first) == 2 + 2 * 3
    # a new answer takes the place of the old one
    user.type('sentence', 'dog')
    user.ask('sentence', 2)
    assert len(files_of(site)) == 2 + 2 * 3
    assert len(set(first) & set(files_of(site))) == 2
    # what is taken out is deleted, too
    user.page.locator('#sentence-images').get_by_label('Remove').first.click()
    assert wait_until(lambda: len(files_of(site)) == 1 + 2 * 3)
    user.leave()
    assert wait_until(lambda: not files_of(site))


def test_one_call_at_a_time_with_progress(browser, site, models, monkeypatch):
    model, running, most = site.refer, [], []
    go_on = threading.Event()

    def slow(*args):
        running.append(args)
        most.append(len(running))
        go_on.wait(20)
        try:
            return model(*args)
        finally:
            running.pop()

    monkeypatch.setattr(site, 'refer', slow)
    users = [ImageUser(browser, site.url) for _ in range(2)]
    for user in users:
        user.bring('sentence', models.pictures / '0.png',
                   models.pictures / '1.png')
        user.type('sentence', 'man')
        user.page.locator('#sentence-ask').click()
    users[0].page.get_by_text('image 1 of 2').wait_for()
    users[1].page.get_by_text('queue: 1/1').wait_for()
    go_on.set()
    for user in users:
        user.page.locator('#sentence-answer .answer').nth(1).wait_for()
        user.leave()
    assert len(most) == 4 and set(most) == {1}


@pytest.mark.parametrize('path', [
    'gradio_api/file=/etc/passwd', 'gradio_api/file=http://example.org/',
    'gradio_api/file/etc/passwd', 'gradio_api/proxy=http://example.org/',
    'gradio_api/runs', 'monitoring', 'answers/none/0.png',
    'answers/..%2f..%2fetc/passwd', 'answers/%2e%2e/uploads'
])
def test_nothing_else_is_served(site, path):
    assert httpx.get(site.url + path).status_code == 404


@pytest.mark.parametrize('path', ['', 'config', 'gradio_api/info'])
def test_the_page_does_not_say_where_it_lies(site, path):
    answer = httpx.get(site.url + path)
    assert answer.status_code == 200
    for folder in (site.files.uploads.parent, Path.cwd(), Path.home()):
        assert str(folder) not in answer.text


def test_own_uploads_are_not_served(site, models):
    uploaded, = post_upload(site, models.pictures / '0.png').json()
    assert Path(uploaded).is_file()
    answer = httpx.get(f'{site.url}gradio_api/file={uploaded}')
    assert answer.status_code == 404
    Path(uploaded).unlink()


def post_upload(site, path: Path) -> httpx.Response:
    with open(path, 'rb') as file:
        return httpx.post(
            f'{site.url}gradio_api/upload', files=dict(files=file))


def test_uploads_are_limited(site, models, monkeypatch):
    answer = post_upload(site, models.pictures / 'large.png')
    assert answer.status_code == 413
    assert not list(site.files.uploads.rglob('large.png'))
    monkeypatch.setattr(site.files, 'uploaded_bytes', lambda: 32 * LIMIT)
    answer = post_upload(site, models.pictures / '0.png')
    assert answer.status_code == 413 and 'no room' in answer.text
    answer = httpx.post(
        f'{site.url}gradio_api/upload', content=iter([b'a', b'b']))
    assert answer.status_code == 411


def test_the_page_for_scans_is_found(site):
    answer = httpx.get(f'{site.url}scans')
    assert answer.headers['location'] == 'http://127.0.0.1:9/'


def test_connections_elsewhere_would_be_seen(elsewhere):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.connect(('192.0.2.1', 9))  # sends nothing
    assert elsewhere.pop() == '192.0.2.1' and not elsewhere


def test_other_hosts_are_refused(site):
    """A page elsewhere, whose name was made to lead here."""
    answer = httpx.get(site.url, headers=dict(Host='evil.example'))
    assert answer.status_code == 400
    policy = httpx.get(site.url).headers['content-security-policy']
    assert policy.startswith("default-src 'self' ")


@pytest.mark.parametrize(
    'path', ['/etc/passwd', 'http://127.0.0.1:9/a.png', 'a\0b', None])
def test_only_uploads_are_asked_about(site, path):
    """Whoever speaks to the server without the page names what he likes."""
    config = httpx.get(f'{site.url}config').json()
    index, = [
        each['id'] for each in config['dependencies']
        if ['click'] == [target[1] for target in each['targets']][:1]
        and len(each['inputs']) == 2
    ]
    file = dict(path=path, meta=dict(_type='gradio.FileData'))
    joined = httpx.post(
        f'{site.url}gradio_api/queue/join',
        json=dict(data=[[file], 'man'], fn_index=index, session_hash='mine'))
    assert joined.status_code == 403
    assert joined.text == 'This file was not uploaded here: choose it again.'
    joined = httpx.post(
        f'{site.url}gradio_api/queue/join', content=b'{' + b' ' * (1 << 20))
    assert joined.status_code == 413


def test_a_tab_for_each_model(site):
    with pytest.raises(ValueError, match='needs a model'):
        ImagePage()
    one = ImagePage(classes=site.classes, port=int(free_port()))
    try:
        config = httpx.get(f'{one.url}config').json()
        ids = {each['props'].get('elem_id') for each in config['components']}
        assert 'classes-ask' in ids and 'sentence-ask' not in ids
        assert httpx.get(f'{one.url}scans').status_code == 404
        folder = one.files.uploads.parent
        assert folder.is_dir()
    finally:
        one.stop()
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.url)


def test_another_loopback(site):
    if port_problem('::1', int(free_port())):
        pytest.skip('no IPv6 here')
    one = ImagePage(
        classes=site.classes,
        host='::1',
        port=int(free_port()),
        scan_url='http://[::1]:9')
    try:
        assert one.url.startswith('http://[::1]:')
        assert httpx.get(one.url).status_code == 200
        answer = httpx.get(f'{one.url}scans')
        assert answer.headers['location'] == 'http://[::1]:9/'
    finally:
        one.stop()


def test_settings_of_gradio_are_not_heeded(site, monkeypatch):
    monkeypatch.setenv('GRADIO_ALLOWED_PATHS', '/')
    monkeypatch.setenv('GRADIO_SHARE', 'True')
    monkeypatch.setenv('NO_PROXY', 'example.org')
    one = ImagePage(classes=site.classes, port=int(free_port()))
    one.stop()
    assert os.environ['GRADIO_ALLOWED_PATHS'] == '/'
    assert os.environ['NO_PROXY'] == 'example.org'
