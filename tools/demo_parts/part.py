"""One step of the demo: a command, what it reads and what it makes."""
from __future__ import annotations
import ast
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmlangseg.io.files import write_json
from mmlangseg.version import __version__

STAMPS = '.parts'


@dataclass(frozen=True)
class Part:
    """A command that is skipped when it has been run before.

    A stamp in the output folder keeps what the part was begun with: this
    version of the package, its command, its configs with all that they
    inherit, and the content of its inputs. The part is done while the stamp
    is the same and its outputs are there; it is resumed where it was begun
    with the same stamp and not finished; and whatever it has made is deleted
    where the stamp has changed, or outputs were deleted.

    Attributes:
        system: Whose part it is, ``'LESS'``.
        name: What it does, ``'training'``.
        command: Makes the words behind the interpreter; called behind
            the earlier parts, as it may depend on what they have written.
        seconds: What it usually takes, for the time left.
        configs: Config files that it reads.
        inputs: Other files that it reads; the outputs of earlier parts.
        outputs: Files that it leaves; the last part of a path may be a
            pattern such as ``*.html``.
        work_dir: Its own folder, deleted before it begins anew.
        resume: Words added to the command to continue an interrupted run.
    """

    system: str
    name: str
    command: Callable[[], Sequence[str]]
    seconds: float
    configs: tuple[Path, ...] = ()
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    work_dir: Path | None = None
    resume: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of its files, ``less_training``."""
        return f'{self.system}_{self.name}'.lower().replace('-', '').replace(
            ' ', '_')

    def log(self, out: Path) -> Path:
        """Where its output goes."""
        return out / f'{self.key}.log'

    def is_done(self, out: Path) -> bool:
        """Whether it need not be run again."""
        stamp = self._read_stamp(out)
        return (stamp.get('done', False) and not self.missing()
                and stamp.get('begun_with') == self.fingerprint())

    def begin(self, out: Path) -> list[str]:
        """Make room for a run.

        Returns:
            The words of the command behind the interpreter.
        """
        fingerprint = self.fingerprint()
        words = list(self.command())
        stamp = self._read_stamp(out)
        # what was finished has nothing left that a resumed run would make
        if stamp.get('begun_with') == fingerprint and not stamp.get('done'):
            words += self.resume
        elif self.work_dir is not None and self.work_dir.is_dir():
            shutil.rmtree(self.work_dir)
        self._write_stamp(out, fingerprint, False)
        return words

    def finish(self, out: Path) -> None:
        """Note that it has been run."""
        self._write_stamp(out, self.fingerprint(), True)

    def missing(self) -> list[Path]:
        """Outputs that are not there."""
        return [
            path for path in self.outputs
            if not any(path.parent.glob(path.name))
        ]

    def fingerprint(self) -> str:
        """What the part depends on, as a hash."""
        words = [__version__, self.key, *self.command()]
        digest = hashlib.sha256('\0'.join(words).encode())
        files = [file for path in self.configs for file in inherited(path)]
        for path in [*files, *self.inputs]:
            content = path.read_bytes() if path.is_file() else b'missing'
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()

    def _read_stamp(self, out: Path) -> dict:
        try:
            return json.loads((out / STAMPS / f'{self.key}.json').read_text())
        except (OSError, ValueError):
            return {}

    def _write_stamp(self, out: Path, fingerprint: str, done: bool) -> None:
        write_json(out / STAMPS / f'{self.key}.json',
                   dict(begun_with=fingerprint, done=done))


def inherited(config: Path) -> list[Path]:
    """A config file and, without importing anything, those it inherits.

    Args:
        config: With ``_base_`` a string, a list of strings, or nothing.

    Returns:
        All files, ``config`` first.
    """
    files = [config]
    for node in ast.parse(config.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == '_base_'
                for target in node.targets):
            names = ast.literal_eval(node.value)
            for name in [names] if isinstance(names, str) else names:
                files += inherited((config.parent / name).resolve())
    return files
