"""Which view a command gets: the screen only where there is a terminal."""

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, cast

from ktrace.problems import reported
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body


def view_for(command: str, as_json: bool, footer: str = "", also: Collection[str] = ()) -> View:
    """Only the one that is used is imported. also: as of ktrace.problems.reported()."""
    if as_json:
        from ktrace.views.json_lines import JsonLinesView

        return JsonLinesView()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ktrace.views.keys import keys_of_terminal

        with _without("attr"):
            from ktrace.views.screen import ScreenView

        return ScreenView(_body(command, also), footer, keys=keys_of_terminal())
    from ktrace.views.lines import LinesView

    return LinesView()


@contextmanager
def _without(name: str) -> Iterator[None]:
    """rich imports attr where there is one, to print others' classes: 1 MiB that would be locked,
    and 20 ms."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = cast(ModuleType, None)  # an ImportError
    try:
        yield
    finally:
        del sys.modules[name]


def _body(command: str, also: Collection[str] = ()) -> "Body":
    """Of the problem that the command reports, or of all of them."""
    problems = reported(command, also)
    if len(problems) == 1:
        return problems[0].view_module().body()
    from ktrace.views.screen_all import AllBody

    return AllBody(problems)
