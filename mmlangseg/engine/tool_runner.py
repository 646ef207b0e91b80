"""The runners of our tools: their console is short, and a test leaves the
config of the training alone."""
from __future__ import annotations
import os

from mmengine.dist import master_only
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmlangseg.cli.console import shorten


class ToolRunner(Runner):
    """A runner that writes its config, environment and hooks into the log
    file only."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger, and say first where all of it is."""
        logger = super().build_logger(*args, **kwargs)
        shorten(logger)
        logger.info(f'{self.cfg.filename}: config, environment and all that '
                    f'follows are in {logger.log_file} (--verbose shows them)')
        return logger


class TestRunner(Runner):
    """A runner that keeps its config beside its log.

    MMEngine writes it into the work folder, over that of the training: who
    tests by that file once more would take over what this test has changed,
    such as its data, without a word.
    """

    @master_only
    def dump_config(self) -> None:
        """Write the config into the folder of the log."""
        name = os.path.basename(self.cfg.filename or 'config.py')
        self.cfg.dump(os.path.join(self.log_dir, name))


class TestToolRunner(TestRunner, ToolRunner):
    """Both."""
