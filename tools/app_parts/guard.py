"""What the image page lets through, before gradio sees it."""
from __future__ import annotations
import json
import re
import secrets
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from .session_files import SessionFiles

COOKIE = 'mmlangseg'
# Gradio's own files, proxies, streams and records: nothing here uses them,
# and some of them fetch what a URL names.
_REFUSED = re.compile(
    r'/gradio_api/(api|call|component_server|deep_link|file|proxy|'
    r'process_recording|run|run-history|runs|stream|vibe-edit)\b|'
    r'/(login|logout|monitoring|svelte)\b')
_UPLOAD = '/gradio_api/upload'
_QUESTION = '/gradio_api/queue/join'
MAX_QUESTION_BYTES = 1 << 20
# The browser loads nothing from other hosts. Gradio's page needs scripts that
# are written in it, and ones that are made of texts.
_HEADERS = {
    'Content-Security-Policy':
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; form-action 'self'",
    'Referrer-Policy':
    'no-referrer',
    'X-Content-Type-Options':
    'nosniff',
}


def owner_of(request: Any) -> str | None:
    """The browser that sends a request, of starlette or gradio."""
    return request.cookies.get(COOKIE) or None


class Guard:
    """Middleware of ASGI that limits uploads and knows browsers apart.

    Args:
        app: That it stands before.
        files: Those of the page.
        max_total_bytes: Of uploads that lie there at the same time.
    """

    def __init__(self, app, files: SessionFiles, max_total_bytes: int) -> None:
        self.app = app
        self.files = files
        self.max_total_bytes = max_total_bytes

    async def __call__(self, scope, receive, send) -> None:
        """Pass a request on, or answer it with the reason why not."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        # that of the request's URL would depend on its header Host, too
        path = scope['path']
        request = Request(scope, receive)
        refusal = self._refusal(path, request)
        if refusal is None and path.rstrip('/') == _QUESTION:
            body = await _read(request, MAX_QUESTION_BYTES)
            refusal = self._refusal_of_question(body)
            receive = _again(body, receive)

        async def send_with_headers(message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if path == '/' and owner_of(request) is None:
                    headers.append(
                        'Set-Cookie', f'{COOKIE}={secrets.token_urlsafe(24)}; '
                        'Path=/; HttpOnly; SameSite=Strict')
            await send(message)

        await (refusal or self.app)(scope, receive, send_with_headers)

    def _refusal(self, path: str,
                 request: Request) -> PlainTextResponse | None:
        if _REFUSED.match(path):
            return PlainTextResponse('There is no such page.', 404)
        if path.rstrip('/') != _UPLOAD:
            return None
        size = request.headers.get('content-length', '')
        if not size.isdecimal():
            return PlainTextResponse('The size of an upload must be known.',
                                     411)
        if int(size) + self.files.uploaded_bytes() > self.max_total_bytes:
            return PlainTextResponse(
                'There is no room for more files: take out some that you do '
                'not need, or wait until others have closed the page.', 413)
        return None

    def _refusal_of_question(self, body: bytes) -> PlainTextResponse | None:
        """Gradio itself would fetch what a URL in the place of an upload
        names."""
        if len(body) > MAX_QUESTION_BYTES:
            return PlainTextResponse('The question is too long.', 413)
        try:
            self.files.uploaded(_named_files(json.loads(body)))
        except (ValueError, RecursionError) as error:
            return PlainTextResponse(f'{error}', 403)
        return None


def _named_files(content: Any) -> list[dict]:
    """All that gradio may take for files, however deep it lies."""
    waiting, found = [content], []
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if 'path' in each:
                found.append(each)
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found


async def _read(request: Request, most: int) -> bytes:
    """The body, or the beginning of one that is longer than ``most``."""
    body = b''
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            break
    return body


def _again(body: bytes, receive):
    """Give a body that was read once more."""
    waiting = [dict(type='http.request', body=body, more_body=False)]

    async def receive_again():
        return waiting.pop() if waiting else await receive()

    return receive_again
