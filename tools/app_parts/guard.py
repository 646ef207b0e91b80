"""What the image page lets through, before gradio sees it."""
from __future__ import annotations
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
    r'/gradio_api/(file|proxy|stream|runs|run-history|process_recording|'
    r'vibe-edit|deep_link|call|run|api)\b|/monitoring|/login|/logout|/svelte')
_UPLOAD = '/gradio_api/upload'
# The browser loads nothing from other hosts. Gradio's page needs scripts that
# are written in it, and ones that are made of texts.
_HEADERS = {
    'Content-Security-Policy':
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; form-action 'self'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
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
        request = Request(scope)
        refusal = self._refusal(request)

        async def send_with_headers(message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if request.url.path == '/' and owner_of(request) is None:
                    headers.append(
                        'Set-Cookie', f'{COOKIE}={secrets.token_urlsafe(24)}; '
                        'Path=/; HttpOnly; SameSite=Strict')
            await send(message)

        await (refusal or self.app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> PlainTextResponse | None:
        path = request.url.path
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
