"""What the page of scans sends and how long it takes, in a browser.

    python .dev_scripts/benchmark_scan_page.py outputs/demo/models/less

Opens a room of random boxes with 200,000 points, asks for things in it and
turns it, in Chromium without a screen or a graphics card: the pictures per
second are those of software.
"""
from __future__ import annotations
import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tools'), str(ROOT / 'tests')]

from app_parts.scan_cloud import MAX_SHOWN
from app_parts.scan_page import ScanPage
from browser import start_browser

from mmlangseg.apis import LESSInferencer

TEXTS = 'the red chair', 'the table near the lamp', 'the blue cabinet'
COUNT_FRAMES = '''() => {
    window.frames_drawn = 0;
    const next = () => { window.frames_drawn++; requestAnimationFrame(next); };
    requestAnimationFrame(next);
}'''


def make_room(count: int) -> np.ndarray:
    """A floor of 8 x 6 m, two walls and boxes, float32 (count, 6)."""
    rng = np.random.default_rng(0)
    parts = []

    def add(share: float, origin, first, second) -> None:
        place = rng.random((int(share * count), 2))
        xyz = origin + place[:, :1] * first + place[:, 1:] * second
        rgb = rng.integers(20, 236, 3) + rng.normal(0, 12, xyz.shape)
        parts.append(np.concatenate([xyz, rgb], 1))

    x, y, z = np.eye(3)
    add(.3, 0 * x, 8 * x, 6 * y)
    add(.15, 6 * y, 8 * x, 1.2 * z)
    add(.1, 0 * x, 6 * y, 1.2 * z)
    for _ in range(15):
        corner = rng.uniform([.5, .5, 0], [7, 5, 0])
        a, b, c = rng.uniform(.4, 1, 3)
        add(.01, corner + c * z, a * x, b * y)
        add(.01, corner, a * x, c * z)
        add(.01, corner + a * x, b * y, c * z)
    points = np.concatenate(parts)[:count]
    points[:, 3:] = points[:, 3:].clip(0, 255)
    return points.astype(np.float32)


class Visit:
    """A browser on the page, and what it has received."""

    def __init__(self, browser, url: str) -> None:
        self.tab = browser.new_page(viewport=dict(width=1200, height=800))
        self.received: list[int] = []
        self.tab.on(
            'websocket', lambda socket: socket.on(
                'framereceived', lambda data: self.received.append(len(data))))
        self.tab.goto(url)
        self.tab.get_by_role('status').wait_for()

    def press(self, name: str) -> None:
        """Press a button."""
        self.tab.get_by_role('button', name=name, exact=True).click()

    def measure(self, name: str, action: Callable[[], None],
                at_least: int) -> None:
        """Print seconds until so many bytes have come, and all bytes."""
        self.received.clear()
        start = time.perf_counter()
        action()
        while sum(self.received) < at_least:
            self.tab.wait_for_timeout(10)
        seconds = time.perf_counter() - start
        self.tab.wait_for_timeout(1000)
        print(f'{name:32}{seconds:6.2f} s {sum(self.received):10,} bytes')

    def ask(self, text: str) -> None:
        """Type a sentence and send it."""
        self.tab.locator('form input').fill(text)
        self.press('Find')

    def turn(self, seconds: float) -> float:
        """Pictures per second while the scan is turned with the mouse."""
        self.tab.evaluate(COUNT_FRAMES)
        self.tab.mouse.move(300, 400)
        self.tab.mouse.down()
        start, step = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            step += 1
            self.tab.mouse.move(300 + step * 7 % 300, 400 + step % 40)
            self.tab.wait_for_timeout(15)
        took = time.perf_counter() - start
        self.tab.mouse.up()
        return self.tab.evaluate('window.frames_drawn') / took


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='folder of a LESS')
    parser.add_argument('--points', type=int, default=200_000)
    args = parser.parse_args()
    inferencer = LESSInferencer(args.model, device='cpu')
    with tempfile.TemporaryDirectory() as folder, start_browser() as browser:
        room = make_room(args.points)
        np.save(Path(folder) / 'room.npy', room)
        page = ScanPage(inferencer, port=0, scans=Path(folder))
        try:
            visit = Visit(browser, page.url)
            colors = 3 * min(len(room), MAX_SHOWN)
            visit.measure('open', lambda: visit.press('Open'), 3 * colors)
            for text in TEXTS:
                visit.measure(f'ask: {text}', lambda: visit.ask(text), colors)
            visit.measure('show again', lambda: visit.press(TEXTS[0]), colors)
            print(f'{visit.turn(10):.1f} pictures per second')
        finally:
            page.stop()


if __name__ == '__main__':
    main()
