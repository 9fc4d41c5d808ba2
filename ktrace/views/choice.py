"""Which view a command gets: the screen only where there is a terminal."""

import os
import sys

from ktrace.views.view import View


def view_for(as_json: bool, footer: str = "") -> View:
    """Only the one that is used is imported."""
    if as_json:
        from ktrace.views.json_lines import JsonLinesView

        return JsonLinesView()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ktrace.views.screen import ScreenView

        return ScreenView(footer)
    from ktrace.views.lines import LinesView

    return LinesView()
