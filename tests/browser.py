"""A headless Chromium of the system, for tests of pages."""
from __future__ import annotations
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
# Nothing of its own asks the network, so that all requests are the page's.
FLAGS = ('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update',
         '--disable-sync')
TIMEOUT = 30_000  # ms, on a machine that does much else


def skip_reason(*libraries: str) -> str:
    """Why tests in a browser cannot run, '' if they can.

    Args:
        libraries: That the page needs.
    """
    missing = [
        name for name in ('playwright', *libraries) if find_spec(name) is None
    ]
    if missing:
        return f'{", ".join(missing)} not installed'
    return '' if _executable() else 'no Chromium on the PATH'


def _executable() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator:
    """Start Chromium; gives playwright's ``Browser``."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class User:
    """Somebody with a browser of their own.

    Args:
        browser: Of :func:`open_browser`.
        url: Of the page that is opened.

    Attributes:
        page: Playwright's ``Page``.
        requested: URLs that the page has asked for.
    """

    def __init__(self, browser, url: str) -> None:
        self.context = browser.new_context(accept_downloads=True)
        self.context.set_default_timeout(TIMEOUT)
        self.page = self.context.new_page()
        self.requested: list[str] = []
        self.page.on('request',
                     lambda request: self.requested.append(request.url))
        self.page.on('websocket',
                     lambda socket: self.requested.append(socket.url))
        self.page.goto(url)

    def left_loopback(self) -> list[str]:
        """What was requested of other machines."""
        return [
            url for url in self.requested
            if urlsplit(url).scheme not in ('data', 'blob')
            and urlsplit(url).hostname not in ('127.0.0.1', 'localhost')
        ]

    def download(self, link) -> bytes:
        """Click on a link (playwright's ``Locator``); gives the file."""
        with self.page.expect_download() as download:
            link.click()
        with open(download.value.path(), 'rb') as file:
            return file.read()

    def leave(self) -> None:
        """Close the browser."""
        self.context.close()


def require_browser(*libraries: str) -> None:
    """Skip the tests of a module, saying why, where there is no browser."""
    reason = skip_reason(*libraries)
    if reason:
        pytest.skip(reason, allow_module_level=True)
