"""Programs of this repository in processes that have the host libraries.

Every tool imports torch and OpenMMLab's libraries, which takes longer than
most of what tests ask of it. One server for the whole run of pytest, workers
included, imports them once, when the first test needs them, and forks itself
for every program. What is this repository's own is not imported before the
fork, so that a program that lacks an import fails as it does for a user.

What a fork cannot show needs a process of its own, by :func:`subprocess.run`:
how long an import takes and what it loads, modules that are blocked, other
hash seeds, and several processes that a shell script starts.
"""
from __future__ import annotations
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from import_without import Blocker

# Where the server listens; workers of pytest inherit it.
ADDRESS = 'MMLANGSEG_TOOL_SERVER'
# What the tools import of other authors. mmlangseg itself, which is light,
# provides what mmcv-lite lacks.
LIBRARIES = ('mmlangseg', 'mmengine.runner', 'mmdet.models', 'mmseg.models',
             'mmdet3d.models', 'matplotlib.pyplot', 'scipy.ndimage',
             'scipy.spatial', 'pycocotools.mask', 'plyfile',
             'transformers.models.auto', 'transformers.models.bert',
             'transformers.models.roberta')


def start(*blocked: str) -> str:
    """Start a server, which costs little before it is asked for anything.

    It ends with the process that calls this.

    Args:
        blocked: Libraries that it does not import, nor lets the others.

    Returns:
        str: Its address, which :data:`ADDRESS` names for all tests.
    """
    folder = tempfile.mkdtemp(prefix='tools')  # an address must be short
    address = f'{folder}/socket'
    server = subprocess.Popen([sys.executable, __file__, address, *blocked],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    server.stdout.readline()  # it listens

    def stop() -> None:
        server.stdin.close()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return address


class Program:
    """A program that runs, or has run.

    Args:
        args: A Python file and its arguments.
        cwd: Its working directory, by default that of this process.
        env: The whole environment, by default that of this process.
        merged: Whether what it writes to standard error is given with its
            standard output, as by ``stderr=subprocess.STDOUT``.
        server: Address of a server, by default that of all tests.
    """

    def __init__(self,
                 *args,
                 cwd: Path | str | None = None,
                 env: dict[str, str] | None = None,
                 merged: bool = False,
                 server: str | None = None) -> None:
        self.args = [os.path.abspath(args[0]), *map(str, args[1:])]
        self.files = [tempfile.TemporaryFile() for _ in range(2 - merged)]
        request = dict(
            args=self.args,
            cwd=str(cwd or os.getcwd()),
            env=dict(os.environ if env is None else env))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(server or os.environ[ADDRESS])
            socket.send_fds(connection, [b'.'],
                            [self.files[i].fileno() for i in (0, -1)])
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
            self.answer = connection.makefile()
        self.pid = int(self.answer.readline())

    def is_running(self) -> bool:
        return not select.select([self.answer], [], [], 0)[0]

    def wait(self) -> subprocess.CompletedProcess:
        """Wait for the end; gives what it printed."""
        with self.answer:
            code = int(self.answer.readline())
        texts = []
        for file in self.files:
            with file:
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(self.args, code, *texts)


def run_python(*args, **kwargs) -> subprocess.CompletedProcess:
    """Run a :class:`Program`, as ``subprocess.run([sys.executable, *args],
    text=True, capture_output=True)`` does."""
    return Program(*args, **kwargs).wait()


def serve(address: str, *blocked: str) -> dict:
    """Fork for every request until standard input ends.

    Returns in the processes that are to become a program, and gives the
    request.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print('listening', flush=True)
    imported = False
    while True:
        ready, *_ = select.select([listener, sys.stdin], [], [])
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if not imported:
            import_libraries(blocked)
            imported = True
        if os.fork() == 0:
            listener.close()
            return attend(connection)
        connection.close()


def import_libraries(blocked: Sequence[str]) -> None:
    """Import what is there; what is not is the programs' own to report."""
    blocker = Blocker(blocked)
    sys.meta_path.insert(0, blocker)
    for name in LIBRARIES:
        with suppress(Exception):
            importlib.import_module(name)
    sys.meta_path.remove(blocker)
    gc.collect()
    gc.freeze()  # a collection would copy all these pages into each fork


def attend(connection: socket.socket) -> dict:
    """Fork the program, wait for it and send its exit code."""
    _, files, *_ = socket.recv_fds(connection, 1, 2)
    request = json.load(connection.makefile())
    program = os.fork()
    if program:
        connection.sendall(f'{program}\n'.encode())
        _, status = os.waitpid(program, 0)
        with suppress(BrokenPipeError):
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(f'{code}\n'.encode())
        os._exit(0)
    connection.close()
    files = os.open(os.devnull, os.O_RDONLY), *files
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    return request


def become(request: dict) -> str:
    """Make this process look like a new one; gives the program's path."""
    own = {
        os.path.abspath(path)
        for path in os.environ.get('PYTHONPATH', '').split(':') if path
    }
    own.add(os.path.dirname(os.path.abspath(__file__)))
    os.environ.clear()
    os.environ.update(request['env'])
    os.chdir(request['cwd'])
    sys.argv = request['args']
    given = os.environ.get('PYTHONPATH', '').split(':')
    sys.path[:] = [
        os.path.dirname(sys.argv[0]), *filter(None, given),
        *(path for path in sys.path if os.path.abspath(path) not in own)
    ]
    for folder in filter(None, given):
        forget_replaced(Path(folder))
    if 'numpy' in sys.modules:  # seeds itself when it is imported
        sys.modules['numpy'].random.seed()
    return sys.argv[0]


def forget_replaced(folder: Path) -> None:
    """Forget modules that a folder of the path has others for, which a new
    process would find first."""
    for path in [*folder.glob('*.py'), *folder.glob('*/__init__.py')]:
        module = path.parent.name if path.stem == '__init__' else path.stem
        loaded = getattr(sys.modules.get(module), '__file__', None)
        if loaded and not path.samefile(loaded):
            for name in list(sys.modules):
                if name.partition('.')[0] == module:
                    del sys.modules[name]


def run_program(request: dict) -> None:
    """Run it as the interpreter does, up to the exit code."""
    path = become(request)
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit as stop:
        EXIT['code'] = stop.code if isinstance(stop.code, int) else \
            int(stop.code is not None)
        raise
    except BaseException:
        EXIT['code'] = 1
        raise


EXIT = dict(code=0)

if __name__ == '__main__':

    def leave() -> None:
        """Spare the deletion of all modules, which would copy their pages."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(EXIT['code'])

    atexit.register(leave)  # the first one is the last to be called
    run_program(serve(*sys.argv[1:]))
