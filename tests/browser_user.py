"""Somebody with a browser, and what it asks for."""
from __future__ import annotations
from urllib.parse import urlsplit

TIMEOUT = 30_000  # ms, on a machine that does much else


class User:
    """Somebody with a browser of their own.

    Args:
        browser: Of :func:`browser.start_browser`.
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
