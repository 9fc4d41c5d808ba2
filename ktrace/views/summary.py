"""Head and foot of a run as plain lines."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.findings import End, OwnPace
from ktrace.views import known_text, words
from ktrace.views.command_text import command_line
from ktrace.views.finding_text import finding_line
from ktrace.views.safe_text import safe

if TYPE_CHECKING:
    from ktrace.known_bugs import Catalogue

_SHOWN = 5  # of what the command is not about
_MISSING_SHOWN = 40  # ktrace has fewer probes


def probe_count(analysis: Analysis) -> str:
    """ "12 probes, 2 missing"."""
    states = [probe.state for probe in analysis.probes.values()]
    text = words.count(states.count("attached"), "probe")
    for state in ("waiting", "missing"):
        if state in states:
            text += f", {states.count(state)} {state}"
    return text


def head_lines(analysis: Analysis) -> list[str]:
    """Who traces what, and what ktrace could not do."""
    session = analysis.session
    lines = [
        f"ktrace {session.command} on {safe(session.host)}, Linux {safe(session.kernel)}: "
        f"tracing with {probe_count(analysis)} ({session.loader})"
    ]
    missing = [probe for probe in analysis.probes.values() if probe.state == "missing"]
    if missing:
        names = ", ".join(probe.function for probe in missing[:_MISSING_SHOWN])
        if len(missing) > _MISSING_SHOWN:
            names += f" and {len(missing) - _MISSING_SHOWN} more"
        lines.append(f"  no probe on {names}: see `ktrace doctor`")
    lines += [f"  {safe(warning)}" for warning in session.warnings]
    return lines


def summary_lines(
    analysis: Analysis, end: End, brief: bool = False, known: "Catalogue | None" = None
) -> list[str]:
    """What came of it, the verdict last. brief: each finding has just been told in full. known:
    bugs, ktrace's own without it."""
    lines = []
    for problem in analysis.reported:
        lines += problem.view_module().summary(analysis, brief)
    if not brief:
        lines += _aside(analysis)
    lines += known_text.summary(analysis, known)
    if end.command:
        lines.append(command_line(end.command))
    if end.lost:
        by = ", ".join(f"{safe(what)} {count}" for what, count in end.lost_by.items())
        lines.append(f"{words.count(end.lost, 'event')} lost ({by})")
    if end.own and end.own.held_up:
        lines.append(_held_up(end.own))
    lines.append(f"verdict: {end.verdict}" + (f" ({safe(end.why)})" if end.why else ""))
    return lines


def _held_up(own: OwnPace) -> str:
    text = f"ktrace itself was held up: for {words.seconds(own.longest_pause_s)} at the longest"
    if own.major_faults is None:
        return f"{text}; its major faults are not known"
    if own.major_faults:
        pages = words.count(own.major_faults, "page")
        text += f"; {pages} of its memory had to be read from a disk"
    return text


def _aside(analysis: Analysis) -> list[str]:
    """What was seen of problems that the command is not about: what it was, and its end."""
    seen = list(analysis.aside.values())
    lines = []
    for versions in seen[:_SHOWN]:
        ended = versions[-1].status == "resolved"
        lines += [f"also seen: {finding_line(told)}" for told in versions[-2 if ended else -1 :]]
    if len(seen) > _SHOWN:
        lines.append(f"also seen: {len(seen) - _SHOWN} more, see `ktrace report`")
    return lines
