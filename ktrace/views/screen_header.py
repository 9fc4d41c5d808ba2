"""The screen's first line: what traces, when, and whether something is missing."""

from rich.cells import cell_len
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.views import shorten, words
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count

_LEAST_KERNEL = 6  # characters of a release that say something


def header(analysis: Analysis, t: float, width: int, state: str = "") -> Text:
    """Name, state and losses always; the time of day, how long, the probes and the kernel where
    there is room, in this order of weight."""
    session, lost = analysis.session, sum(analysis.lost.values())
    name, loss = f"ktrace {safe(session.command)}", f"  lost {lost}"
    state = f"  {state}" if state else ""
    room = width - cell_len(name) - cell_len(state) - len(loss)
    shown = {}
    for what, text in (
        ("wall", words.wall_clock(session, t) or "no time of day"),
        ("clock", words.clock(t - session.t)),
        ("probes", probe_count(analysis)),
    ):
        if len(text) + 2 <= room:
            shown[what] = f"  {text}"
            room -= len(text) + 2
    kernel = safe(session.kernel)
    if room >= min(cell_len(kernel), _LEAST_KERNEL) + 2:
        shown["kernel"] = f"  {shorten.at_end(kernel, room - 2)}"
    line = Text(name, style="bold", no_wrap=True, overflow="ellipsis")
    line.append(state, style="reverse")
    for what in ("kernel", "wall", "clock", "probes"):
        line.append(shown.get(what, ""), style="not bold")
    return line.append(loss, style="bold red" if lost else "not bold")
