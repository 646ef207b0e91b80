"""Files that browsers send: refused before they are read, deleted after."""
from __future__ import annotations
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import viser
from viser import _messages as messages

from .scan_files import safe_name


class ScanUploads:
    """Limits what viser takes of files, and keeps them until they are read.

    Viser gathers a file of any size in memory. Here a file is dropped when
    its size, which comes first, or its parts are too much. The number of
    browsers does not matter: all files on their way or on the disk count.

    Args:
        max_bytes: Of one file; all together may have twice as many.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.folder = Path(tempfile.mkdtemp(prefix='mmlangseg-scans-'))
        self._on_their_way: dict[int, dict] = {}

    def watch(self, client: viser.ClientHandle,
              refuse: Callable[[str], None]) -> None:
        """Limit the files of a browser.

        Args:
            client: The browser; before it has a button for uploads.
            refuse: Called with the reason when a file is not taken.
        """
        # Viser has no public place for it. Its own handlers come first, and
        # know a file by this dict: what is not in it is not kept.
        files = client.gui._current_file_upload_states
        self._on_their_way[client.client_id] = files
        connection = client._websock_connection

        def drop(transfer: str, reason: str) -> None:
            files.pop(transfer, None)
            connection.queue_message(  # its progress bar, which would stay
                messages.RemoveNotificationMessage(f'upload-{transfer}'))
            refuse(reason)

        def on_start(_: int,
                     message: messages.FileTransferStartUpload) -> None:
            if message.transfer_uuid in files:
                reason = self._reason(message.filename, message.size_bytes)
                if reason:
                    drop(message.transfer_uuid, reason)

        def on_part(_: int, message: messages.FileTransferPart) -> None:
            state = files.get(message.transfer_uuid)
            if state and state['transferred_bytes'] > state['total_bytes']:
                drop(
                    message.transfer_uuid, 'The file is larger than was said '
                    'when it was sent: try again')

        connection.register_handler(messages.FileTransferStartUpload, on_start)
        connection.register_handler(messages.FileTransferPart, on_part)

    def forget(self, client: viser.ClientHandle) -> None:
        """The browser is gone."""
        self._on_their_way.pop(client.client_id, None)

    def _reason(self, name: str, size: int) -> str | None:
        """Why a file that begins to arrive is not taken."""
        if not 0 <= size <= self.max_bytes:
            return (f'{name[:80]} has {_words(size)}, more than the '
                    f'{_words(self.max_bytes)} that this page takes: thin the '
                    'scan out')
        arriving = sum(state['total_bytes']
                       for files in list(self._on_their_way.values())
                       for state in list(files.values()))
        lying = sum(path.stat().st_size for path in self.folder.rglob('*')
                    if path.is_file())
        if arriving + lying > 2 * self.max_bytes:
            return ('Others are sending files at the moment: try again in a '
                    'minute')
        return None

    def keep(self, file: viser.UploadedFile) -> Path:
        """Write a file to the disk, in a folder of its own.

        Returns:
            Path: For :meth:`delete`.

        Raises:
            ValueError: No scans with its suffix are read.
        """
        name = safe_name(file.name)
        path = Path(tempfile.mkdtemp(dir=self.folder)) / name
        path.write_bytes(file.content)
        return path

    def without_folder(self, message: str) -> str:
        """A message with paths of :meth:`keep` shortened to the name."""
        folder = re.escape(f'{self.folder}{os.sep}')
        return re.sub(f'{folder}(\\w+{re.escape(os.sep)})?', '', message)

    def delete(self, path: Path) -> None:
        """Delete what :meth:`keep` wrote, if it is still there."""
        shutil.rmtree(path.parent, ignore_errors=True)

    def stop(self) -> None:
        """Delete all files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _words(size: int) -> str:
    if size >= 1 << 30:
        return f'{size / 2**30:.1f} GB'
    return f'{size / 2**20:.3g} MB'
