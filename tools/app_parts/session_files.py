"""Files of the image page: what sessions bring, and what they are answered."""
from __future__ import annotations
import os
import secrets
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class SessionEndedError(Exception):
    """Whoever asked has closed the page."""


@dataclass(frozen=True)
class Answer:
    """A folder of results.

    Attributes:
        token: Its name, which cannot be guessed.
        folder: Where it is.
        session: That it belongs to.
        box: Part of the page that shows it.
        owner: Browser that may fetch its files, None for one without cookies.
    """
    token: str
    folder: Path
    session: str
    box: str
    owner: str | None


class SessionFiles:
    """Keeps the files of sessions apart and deletes them with their session.

    Gradio names an uploaded file by its content, so that two sessions may
    hold the same one; it goes with the last of them.

    Args:
        folder: An empty folder for all of them.
    """

    def __init__(self, folder: Path) -> None:
        self.uploads = folder / 'uploads'
        self.results = folder / 'results'
        for each in (self.uploads, self.results):
            each.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], set[Path]] = {}
        self._answers: dict[str, Answer] = {}
        self._ended: set[str] = set()

    def uploaded(self, files: object) -> list[Path]:
        """Paths of uploaded files.

        Args:
            files: What the page sends: a list of dicts with ``path``.

        Raises:
            ValueError: One is not below the folder of uploads.
        """
        found = []
        for file in files if isinstance(files, list) else []:
            named = file.get('path') if isinstance(file, dict) else None
            path = Path(os.path.realpath(named)) if isinstance(
                named, str) and '\0' not in named else None
            if path is None or os.path.realpath(self.uploads) not in map(
                    str, path.parents):
                raise ValueError('This file was not uploaded here: choose it '
                                 'again.')
            found.append(path)
        return found

    def hold(self, session: str, box: str, paths: Iterable[Path]) -> None:
        """Note which uploads a box of a session shows; those that it showed
        before, and nobody else does, are deleted."""
        with self._lock:
            before = self._held.get((session, box), set())
            self._held[session, box] = set(paths)
            self._delete(before)

    def new_answer(self, session: str, box: str, owner: str | None) -> Answer:
        """Make a folder for results.

        Raises:
            SessionEndedError: The session has ended since :meth:`begin`.
        """
        token = secrets.token_urlsafe(24)
        answer = Answer(token, self.results / token, session, box, owner)
        with self._lock:
            if session in self._ended:
                raise SessionEndedError(session)
            answer.folder.mkdir(mode=0o700)
            self._answers[token] = answer
        return answer

    def begin(self, session: str, box: str) -> None:
        """Delete what a box of a session was answered before."""
        with self._lock:
            self._ended.discard(session)
            self._drop(answer for answer in self._answers.values()
                       if (answer.session, answer.box) == (session, box))

    def find(self, token: str, name: str, owner: str | None) -> Path | None:
        """A file of an answer; None if there is none, or it is of another
        browser."""
        with self._lock:
            answer = self._answers.get(token)
        if answer is None or answer.owner != owner \
                or name not in os.listdir(answer.folder):
            return None
        return answer.folder / name

    def forget(self, session: str) -> None:
        """Delete what only this session has."""
        with self._lock:
            self._ended.add(session)
            for key in [key for key in self._held if key[0] == session]:
                self._delete(self._held.pop(key))
            self._drop(answer for answer in self._answers.values()
                       if answer.session == session)

    def uploaded_bytes(self) -> int:
        """Size of all that is uploaded at present."""
        total = 0
        for folder, _, names in os.walk(self.uploads):
            for name in names:
                try:
                    total += os.path.getsize(os.path.join(folder, name))
                except FileNotFoundError:  # deleted meanwhile
                    pass
        return total

    def _delete(self, paths: Iterable[Path]) -> None:
        held = set().union(*self._held.values())
        for path in set(paths) - held:
            path.unlink(missing_ok=True)
            if path.parent != self.uploads and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def _drop(self, answers: Iterable[Answer]) -> None:
        for answer in list(answers):
            del self._answers[answer.token]
            shutil.rmtree(answer.folder, ignore_errors=True)
