"""How ``--help`` names the defaults of options."""
from __future__ import annotations
from argparse import Action, ArgumentDefaultsHelpFormatter


class DefaultsHelpFormatter(ArgumentDefaultsHelpFormatter):
    """``ArgumentDefaultsHelpFormatter`` that leaves out defaults which tell
    nothing: None, False and empty lists or dicts."""

    def _get_help_string(self, action: Action) -> str | None:
        default = action.default
        if default is None or default is False or default in ([], {}):
            return action.help
        return super()._get_help_string(action)
