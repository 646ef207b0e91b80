"""What the image page serves besides gradio."""
from __future__ import annotations
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (FileResponse, PlainTextResponse,
                                 RedirectResponse, Response)
from starlette.routing import Route

from .addresses import page_url
from .gradio_settings import LOOPBACK
from .guard import Guard, owner_of
from .session_files import SessionFiles


def routes(files: SessionFiles, scan_url: str | None) -> list[Route]:
    """Files of answers, and the way to the page for scans.

    Args:
        files: Has the answers.
        scan_url: Of the page for scans, None if there is none.
    """

    async def send_answer(request: Request) -> Response:
        path = files.find(request.path_params['token'],
                          request.path_params['name'], owner_of(request))
        if path is None:
            return PlainTextResponse('There is no such file.', 404)
        return FileResponse(path, headers={'Cache-Control': 'no-store'})

    async def send_to_scans(request: Request) -> Response:
        if scan_url is None:
            return PlainTextResponse('There is no page for scans.', 404)
        # by the name that this machine has for whoever asks
        return RedirectResponse(
            page_url(request.url.hostname or '',
                     urlsplit(scan_url).port or 80))

    return [
        Route('/answers/{token}/{name}', send_answer),
        Route('/scans', send_to_scans)
    ]


def middleware(files: SessionFiles, host: str,
               max_total_bytes: int) -> list[Middleware]:
    """What stands before gradio.

    Args:
        files: Has the uploads.
        host: Address that the page listens at.
        max_total_bytes: See :class:`Guard`.
    """
    guard = Middleware(Guard, files=files, max_total_bytes=max_total_bytes)
    if host not in LOOPBACK:
        return [guard]
    # else a page of another host, whose name leads here, could ask, too
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK)), guard
    ]
