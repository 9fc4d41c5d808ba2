"""The OOM kills of a run, for a mailing list: a line each, then timelines."""

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.kill_timeline import outcome, timeline
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
        lines += _timeline(kill)
    if last:
        left_out = words.count(len(kills) - 2 * _TIMELINES_SHOWN, "kill")
        lines.append(f"  ... {left_out} not shown ...")
    for kill in last:
        lines += _timeline(kill)
    return [*lines, ""]


def _timeline(kill: Kill) -> list[str]:
    return [part for line in timeline(kill) for part in fit(f"  {line}")]
