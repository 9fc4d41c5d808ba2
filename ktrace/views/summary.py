"""Head and foot of a run as plain lines."""

from ktrace.detectors.analysis import Analysis
from ktrace.findings import End
from ktrace.views import livelock_summary, words
from ktrace.views.bad_page_text import finding_line
from ktrace.views.safe_text import safe


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
        names = ", ".join(probe.function for probe in missing)
        lines.append(f"  no probe on {names}: see `ktrace doctor`")
    lines += [f"  {safe(warning)}" for warning in session.warnings]
    return lines


def summary_lines(analysis: Analysis, end: End, explained: bool = False) -> list[str]:
    """What came of it, the verdict last. explained: what caused bad pages has been told."""
    stuck, pages = analysis.stuck, analysis.bad_pages
    lines = []
    if analysis.session.command != "bad-page":
        lines.append(_kills(analysis))
    if pages.total or not lines:
        lines.append(words.count(pages.total, "bad page"))
    lines += [finding_line(verdict) for verdict in pages.current if not explained]
    if stuck.zombies:
        zombies = words.count(len(stuck.zombies), "killed thread")
        lines.append(f"{zombies} left as a zombie: dead, not stuck")
    lines += livelock_summary.summary(analysis, explained)
    if end.lost:
        by = ", ".join(f"{safe(what)} {count}" for what, count in end.lost_by.items())
        lines.append(f"{words.count(end.lost, 'event')} lost ({by})")
    lines.append(f"verdict: {end.verdict}" + (f" ({safe(end.why)})" if end.why else ""))
    return lines


def _kills(analysis: Analysis) -> str:
    """How many were killed and got stuck; of a clean run what was watched."""
    stuck, by_oom = analysis.stuck, analysis.oom_kills
    oom = "OOM kills not measured" if by_oom is None else words.count(by_oom, "OOM kill")
    if stuck.total:
        return (
            f"{oom}; {words.count(stuck.total, 'thread')} stuck after SIGKILL, "
            f"{len(stuck.open)} of them still, the longest {words.seconds(stuck.longest_s)}"
        )
    kills = words.count(analysis.kills.total, "process")
    watched = words.seconds(max(0.0, analysis.t - analysis.session.t))
    return f"{kills} killed in {watched}, none stuck after SIGKILL; {oom}"
