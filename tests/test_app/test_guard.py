"""What the image page lets through to gradio."""
from __future__ import annotations
import asyncio
import json

import pytest

pytest.importorskip('starlette')

from app_parts.guard import COOKIE, MAX_QUESTION_BYTES, Guard  # noqa: E402
from app_parts.session_files import SessionFiles  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import PlainTextResponse  # noqa: E402


class Site:
    """An app that repeats the body of a request, with its guard."""

    def __init__(self, folder) -> None:
        self.files = SessionFiles(folder)
        self.guard = Guard(self.repeat, self.files, 100)

    async def repeat(self, scope, receive, send) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body)(scope, receive, send)

    def ask(self, path: str, *parts: bytes,
            **headers: str) -> tuple[int, dict, bytes]:
        """Send a request whose body comes in parts."""
        messages = [
            dict(type='http.request', body=part, more_body=i < len(parts))
            for i, part in enumerate(parts or [b''], 1)
        ]
        sent: list[dict] = []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        scope = dict(
            type='http',
            method='POST',
            path=path,
            query_string=b'',
            headers=[(name.replace('_', '-').encode(), value.encode())
                     for name, value in headers.items()])
        asyncio.run(self.guard(scope, receive, send))
        return (sent[0]['status'], {
            name.decode(): value.decode()
            for name, value in sent[0]['headers']
        }, b''.join(message.get('body', b'') for message in sent))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize('host', ['127.0.0.1', 'a/b', 'a?b', 'a#b'])
@pytest.mark.parametrize('path', [
    '/gradio_api/file=/etc/passwd', '/gradio_api/file/a',
    '/gradio_api/proxy=http://a', '/gradio_api/run/predict',
    '/gradio_api/run-history/connect', '/gradio_api/component_server/',
    '/gradio_api/call/v2/ask', '/monitoring/summary', '/login'
])
def test_refused(site, path, host):
    assert site.ask(path, host=host)[0] == 404


@pytest.mark.parametrize('path', [
    '/', '/config', '/gradio_api/queue/data', '/gradio_api/heartbeat/a',
    '/gradio_api/upload_progress', '/answers/a/file=b.png', '/assets/login.js'
])
def test_let_through(site, path):
    status, headers, body = site.ask(path, b'ab', b'c', host='a')
    assert (status, body) == (200, b'abc')
    assert headers['x-content-type-options'] == 'nosniff'


def test_uploads_have_room(site):
    path = '/gradio_api/upload'
    assert site.ask(path, b'a', content_length='100')[0] == 200
    assert site.ask(path, b'a', content_length='101')[0] == 413
    (site.files.uploads / 'a').write_bytes(bytes(60))
    assert site.ask(path, b'a', content_length='40')[0] == 200
    assert site.ask(path + '/', b'a', content_length='41')[0] == 413
    for length in (dict(), dict(content_length='-1')):
        assert site.ask(path, b'a', **length)[0] == 411


def test_questions_are_about_uploads(site):
    mine = site.files.uploads / 'a.png'
    mine.touch()

    def ask(content) -> int:
        body = json.dumps(content).encode()
        status, _, answer = site.ask('/gradio_api/queue/join', body[:9],
                                     body[9:])
        assert status != 200 or answer == body
        return status

    assert ask(dict(data=[[dict(path=str(mine))], 'man'])) == 200
    assert ask(dict(data=['http://127.0.0.1/', ['/etc/passwd']])) == 200
    for path in ('/etc/passwd', 'http://a/', None, 1, [], dict(path='b')):
        assert ask(dict(data=[dict(path=path, meta={})])) == 403
    # where only one of several is wrong, however deep
    files = [dict(path=str(mine), more=[dict(path='/etc/passwd')])]
    assert ask(dict(data=[files])) == 403


@pytest.mark.parametrize('body, status', [
    (b'{', 403), (b'[' * 200_000, 403), (b'\xff', 403),
    (b' ' * MAX_QUESTION_BYTES + b'1', 413)
])  # yapf: disable
def test_what_is_no_question(site, body, status):
    assert site.ask('/gradio_api/queue/join', body)[0] == status


def test_browsers_are_known_by_a_cookie(site):
    cookies = {site.ask('/')[1]['set-cookie'] for _ in range(2)}
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith(f'{COOKIE}=') and len(cookie) > 32
        assert 'HttpOnly' in cookie and 'SameSite=Strict' in cookie
    assert 'set-cookie' not in site.ask('/', cookie=f'{COOKIE}=a')[1]
    assert 'set-cookie' not in site.ask('/config')[1]
