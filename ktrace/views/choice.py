"""Which view a command gets: the screen only where there is a terminal."""

import os
import sys
from typing import TYPE_CHECKING

from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.views.screen import Body


def view_for(command: str, as_json: bool, footer: str = "") -> View:
    """Only the one that is used is imported."""
    if as_json:
        from ktrace.views.json_lines import JsonLinesView

        return JsonLinesView()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ktrace.views.screen import ScreenView

        return ScreenView(_body(command), footer)
    from ktrace.views.lines import LinesView

    return LinesView()


def _body(command: str) -> "Body":
    """The body of the command's screen; a recording of everything shows as oom-hang does."""
    if command == "bad-page":
        from ktrace.views.screen_bad_page import BadPageBody

        return BadPageBody()
    if command == "oom-livelock":
        from ktrace.views.screen_oom_livelock import OomLivelockBody

        return OomLivelockBody()
    from ktrace.views.screen_oom_hang import OomHangBody

    return OomHangBody()
