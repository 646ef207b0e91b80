"""The controls of the page of scans."""
from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import viser

from mmlangseg.less.apis import ScanResult
from mmlangseg.less.scans.reader import READERS
from .scan_files import list_scans

# by the names of tools/infer.py, too, which the message of a wrong one has
UNITS = {
    'meters': 1.0,
    'centimeters (--scale 0.01)': 0.01,
    'millimeters (--scale 0.001)': 0.001
}
THRESHOLDS = 0.01, 0.99
_BOX = ('<div role="{role}" style="margin:0 .75em .6em;font-size:.85em;'
        'overflow-wrap:anywhere;{style}">{text}</div>')
_RED, _AMBER = 'color:#b00020', 'color:#8a5300'


@dataclass(frozen=True)
class Actions:
    """What to do when something is pressed.

    Attributes:
        pick: Gets the name of a scan of the server.
        upload: Gets a file.
        ask: Gets what is typed.
        choose: Gets the number of a sentence, from 0.
        threshold: Is called when it has changed.
        top_view: Looks down.
        orbit_view: Looks from a corner.
        download: Gets ``ply`` or ``glb``.
        reset: Forgets the sentences.
    """

    pick: Callable[[str], None]
    upload: Callable[[viser.UploadedFile], None]
    ask: Callable[[str], None]
    choose: Callable[[int], None]
    threshold: Callable[[], None]
    top_view: Callable[[], None]
    orbit_view: Callable[[], None]
    download: Callable[[str], None]
    reset: Callable[[], None]


class ScanPanel:
    """Shows texts as texts, whatever is in them, and says what is pressed.

    Args:
        gui: Of one browser.
        folder: Of scans that can be picked, None for none.
        actions: What to do then.
    """

    def __init__(self, gui: viser.GuiApi, folder: Path | None,
                 actions: Actions) -> None:
        self._gui = gui
        self._actions = actions
        self._rows: list[tuple[viser.GuiButtonHandle,
                               viser.GuiHtmlHandle]] = []
        self._scan = gui.add_folder('Scan')
        with self._scan:
            self._unit = gui.add_dropdown(
                'Unit', tuple(UNITS), hint='Of the coordinates in the file')
            if folder is not None:
                self._add_names(list_scans(folder))
            self._upload = self._add_upload(None)
        self._sentence = gui.add_form('Sentence')
        with self._sentence:
            text = gui.add_text('Sentence', '')
            gui.add_button('Find').on_click(lambda _: self._sentence.submit())
        self._sentence.on_submit(lambda _: actions.ask(text.value))
        self._status = gui.add_html('')
        with gui.add_folder('Mask'):
            self._threshold = gui.add_slider(
                'Threshold',
                *THRESHOLDS,
                0.01,
                0.5,
                hint='Probability above which a point is in the mask')
            self._threshold.on_update(lambda _: actions.threshold())
            self._add_buttons(
                'Download', {
                    'PLY': lambda: actions.download('ply'),
                    'GLB': lambda: actions.download('glb')
                })
            self._add_buttons('View', {
                'Top': actions.top_view,
                'Orbit': actions.orbit_view
            })
            gui.add_button('Reset').on_click(lambda _: actions.reset())
        self._list = gui.add_folder('Sentences')
        self.say('Open or upload a scan, then type a sentence.')

    def _add_names(self, names: list[str]) -> None:
        chosen = self._gui.add_dropdown('On the server',
                                        tuple(names) or ('(no scans)', ))
        button = self._gui.add_button('Open', disabled=not names)
        button.on_click(lambda _: self._actions.pick(chosen.value))

    def _add_upload(self, order: float | None) -> viser.GuiUploadButtonHandle:
        button = self._gui.add_upload_button(
            'Upload a scan', mime_type=','.join(READERS), order=order)
        button.on_upload(self._uploaded)
        return button

    def _uploaded(self, event: viser.GuiEvent) -> None:
        file = event.target.value
        # viser would keep the bytes as long as the button
        event.target._impl.value = viser.UploadedFile('', b'')
        self._actions.upload(file)

    def _add_buttons(self, label: str,
                     actions: dict[str, Callable[[], None]]) -> None:
        buttons = self._gui.add_button_group(label, tuple(actions))
        buttons.on_click(lambda event: actions[event.target.value]())

    def renew_upload(self) -> None:
        """Give another button for one that waits for the end of a file."""
        order = self._upload.order
        self._upload.remove()
        with self._scan:
            self._upload = self._add_upload(order)

    @property
    def scale(self) -> float:
        """Factor from the unit of the file to meters."""
        return UNITS.get(self._unit.value, 1.0)

    @property
    def threshold(self) -> float:
        """Probability above which a point is in the mask."""
        low, high = THRESHOLDS
        return min(max(float(self._threshold.value), low), high)

    def say(self, text: str, warnings: Sequence[str] = ()) -> None:
        """Show how things are."""
        self._status.content = _box('status', text) + ''.join(
            _box('note', f'Warning: {warning}', _AMBER)
            for warning in warnings)

    def warn(self, text: str) -> None:
        """Show what went wrong."""
        self._status.content = _box('alert', text, _RED)

    def add(self, result: ScanResult) -> None:
        """Add a sentence to the list."""
        number = len(self._rows)
        with self._list:
            button = self._gui.add_button(result.text, color='gray')
            button.on_click(lambda _: self._actions.choose(number))
            row = self._gui.add_html('')
        self._rows.append((button, row))
        self._describe(number, result, result.mask)

    def show(self, number: int, result: ScanResult, mask: np.ndarray) -> None:
        """Mark the sentence whose mask is shown."""
        for i, (button, _) in enumerate(self._rows):
            button.color = 'red' if i == number else 'gray'
        self._describe(number, result, mask)

    def _describe(self, number: int, result: ScanResult,
                  mask: np.ndarray) -> None:
        found = f'{mask.sum():,} points' if mask.any() else 'nothing found'
        content = _box('note', f'score {result.score:.2f}, {found}')
        if result.warning:
            content += _box('note', f'Warning: {result.warning}', _AMBER)
        self._rows[number][1].content = content

    def clear(self) -> None:
        """Forget the sentences and the threshold."""
        for handles in self._rows:
            for handle in handles:
                handle.remove()
        self._rows = []
        self._threshold.value = 0.5


def _box(role: str, text: str, style: str = '') -> str:
    return _BOX.format(role=role, text=escape(text), style=style)
