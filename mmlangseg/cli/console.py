"""What a tool shows: all is in the log file, on the console what one reads.

Imports nothing heavy, so that a tool can hold the warnings of the libraries
from its first import on.
"""
from __future__ import annotations
import logging
import sys
import warnings
from logging.handlers import MemoryHandler

# How long messages of MMEngine begin that no progress depends on.
ASIDE = (
    '\n' + '-' * 60 + '\nSystem environment:',
    'Config:\n',
    'Distributed training is not used, all SyncBatchNorm',
    'Hooks will be executed in the following order:',
    'paramwise_options -- ',
    # of MMEngine's own code
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    # watch_load_from and watch_pretrained say it in one line
    'The model and loaded state dict do not match exactly',
)
# Of each frozen weight, such as those of a teacher.
FROZEN = ' is skipped since its requires_grad='
_OF_AUTHORS = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)
_OF_AUTHORS_TOO = ('pkg_resources is deprecated', 'torch.meshgrid:')
_LOGGER = 'mmlangseg.warnings'


def hold_warnings() -> None:
    """Keep off the console what only the authors of libraries can mend.

    Deprecations wait in memory for :func:`shorten`, which hands them to the
    log file. All other warnings are shown as before. A second call changes
    nothing.
    """
    logger = logging.getLogger(_LOGGER)
    if logger.handlers:
        return
    logger.propagate = False
    # a capacity of 1 passes each on at once, as soon as there is a target
    logger.addHandler(MemoryHandler(1, flushLevel=logging.CRITICAL))
    shown = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None):
        if file is not None or not _is_of_authors(str(message), category):
            return shown(message, category, filename, lineno, file, line)
        logger.warning(
            warnings.formatwarning(message, category, filename, lineno,
                                   line).rstrip())

    warnings.showwarning = show


def show_held_warnings() -> None:
    """Show what :func:`hold_warnings` has held and will hold."""
    _pass_warnings_to(logging.StreamHandler(sys.stderr))


def shorten(logger: logging.Logger) -> None:
    """Leave :data:`ASIDE` to the log file of a run, and what
    :func:`hold_warnings` holds.

    Args:
        logger: Of a runner, with a handler for the console and, in the main
            process, one for a file.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            _pass_warnings_to(handler)
        else:
            handler.addFilter(_is_for_the_console)


def _is_of_authors(text: str, category: type[Warning]) -> bool:
    return issubclass(category,
                      _OF_AUTHORS) or text.startswith(_OF_AUTHORS_TOO)


def _is_for_the_console(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not message.startswith(ASIDE) and FROZEN not in message


def _pass_warnings_to(target: logging.Handler) -> None:
    for handler in logging.getLogger(_LOGGER).handlers:
        if isinstance(handler, MemoryHandler):  # pytest adds others
            handler.setTarget(target)
            handler.flush()
