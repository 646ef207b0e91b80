"""A browser without a screen, for tests of pages: Chromium by Playwright."""
from __future__ import annotations
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAMS = 'chromium', 'chromium-browser', 'google-chrome'
OPTIONS = [  # no graphics card, and nothing asked of other hosts
    '--no-sandbox', '--disable-gpu', '--use-gl=angle',
    '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--no-first-run'
]


@contextmanager
def start_browser() -> Iterator:
    """Start one, or skip the test where there is none."""
    api = pytest.importorskip('playwright.sync_api')
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f'none of {", ".join(PROGRAMS)} is installed')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()
