"""The runner of our tools, whose console is short."""
from __future__ import annotations

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
