"""The OOM kills of a run, for a mailing list: a line each, then timelines."""

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.detectors.oom_kills import id_of
from ktrace.findings import LargeAllocation
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.kill_timeline import outcome, timeline
from ktrace.views.large_allocation_text import place, request, who
from ktrace.views.lines import kill_line

_KILLS_SHOWN = 40
_TIMELINES_SHOWN = 4


def kill_section(analysis: Analysis) -> list[str]:
    """Of the report; nothing where the OOM killer killed nobody."""
    kills = analysis.oom_kills[-_KILLS_SHOWN:]
    if not kills:
        return []
    session = analysis.session
    lines = ["OOM kills:"]
    for kill in kills:
        when = (
            f"{kill.begun_t - session.t:8.3f}s {words.wall_clock(session, kill.begun_t)}".rstrip()
        )
        lines += fit(f"  {when} {kill_line(kill)}; {outcome(kill)}")
    more = analysis.kills.oom_total - len(kills)
    lines += [f"  and {more} before these"] if more else []
    lines += ["", "OOM kill timelines (ms since the first step, and since the step before):"]
    few = len(kills) <= 2 * _TIMELINES_SHOWN
    first, last = (kills, []) if few else (kills[:_TIMELINES_SHOWN], kills[-_TIMELINES_SHOWN:])
    for kill in first:
        lines += _timeline(analysis, kill)
    if last:
        left_out = words.count(len(kills) - 2 * _TIMELINES_SHOWN, "kill")
        lines.append(f"  ... {left_out} not shown ...")
    for kill in last:
        lines += _timeline(analysis, kill)
    return [*lines, ""]


def _timeline(analysis: Analysis, kill: Kill) -> list[str]:
    lines = [*timeline(kill), *(f"  {line}" for line in _asked_by(analysis, kill))]
    return [part for line in lines for part in fit(f"  {line}")]


def _asked_by(analysis: Analysis, kill: Kill) -> list[str]:
    """The large allocation that the OOM killer killed for, where those are traced."""
    if not any(LargeAllocation.finding in problem.findings for problem in analysis.reported):
        return []
    return [
        f"for a large allocation of {place(found.function, found.module)}, "
        f"{request(found)}, by {who(found)}"
        for found in analysis.of(LargeAllocations).told.values()
        if found.kill_id == id_of(kill)
    ]
