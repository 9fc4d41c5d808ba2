"""Which view a command gets: the screen only where there is a terminal."""

import os
import sys
from typing import TYPE_CHECKING

from ktrace.problems import reported
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body


def view_for(command: str, as_json: bool, footer: str = "") -> View:
    """Only the one that is used is imported."""
    if as_json:
        from ktrace.views.json_lines import JsonLinesView

        return JsonLinesView()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ktrace.views.keys import keys_of_terminal
        from ktrace.views.screen import ScreenView

        return ScreenView(_body(command), footer, keys=keys_of_terminal())
    from ktrace.views.lines import LinesView

    return LinesView()


def _body(command: str) -> "Body":
    """Of the problem that the command reports, or of all of them."""
    problems = reported(command)
    if len(problems) == 1:
        return problems[0].view_module().body()
    from ktrace.views.screen_all import AllBody

    return AllBody(problems)
