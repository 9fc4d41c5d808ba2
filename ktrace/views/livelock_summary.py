"""OOM livelocks at the end of a run: the report's section, and the summary's lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ktrace.detectors.analysis import REPORTED, Analysis
from ktrace.findings import OomLivelock
from ktrace.views import livelock_text, words
from ktrace.views.fit import wrapped

_SHOWN = 5  # of a command that is about something else


def section(analysis: Analysis, told: Mapping[str, Sequence[OomLivelock]]) -> list[str]:
    """Of the report: each livelock with its newest numbers. told: each as it was told, by id.

    Of a command that does not report livelocks only what it has seen of them.
    """
    found = analysis.livelock.found
    ids = list(dict.fromkeys([*told, *found]))
    if not ids:
        return [f"{none_found(analysis)}.", ""] if _reports(analysis) else []
    lines: list[str] = []
    for number in ids:
        versions = told.get(number, ())
        newest = found.get(number) or versions[-1]
        # what it looked like, by the last that saw it go on; its end and its numbers, by the newest
        seen = next((f for f in reversed(versions) if f.outcome is None), newest)
        lines += [*_livelock(analysis, newest, seen), ""]
    return lines


def _livelock(analysis: Analysis, newest: OomLivelock, seen: OomLivelock) -> Iterable[str]:
    head = f"OOM LIVELOCK: {livelock_text.domain(newest)}: {livelock_text.reason(newest)}"
    yield from wrapped(head, "", "  ")
    start = analysis.session.t
    first, last = (newest.since_t - start, newest.since_t + newest.lasted_s - start)
    when = f"{first:.3f}s to {last:.3f}s: " if newest.outcome else f"since {first:.3f}s: "
    end = (
        livelock_text.ended(newest.outcome)
        if newest.outcome
        else "still going on when tracing ended"
    )
    yield from wrapped(f"{when}{livelock_text.numbers(newest)}; {end}", "  ", "    ")
    shown = replace(seen, results=newest.results, kills=newest.kills, freed_kib=newest.freed_kib)
    for fact in livelock_text.details(shown):
        yield from wrapped(fact, "  ", "    ")


def summary(analysis: Analysis, explained: bool = False) -> list[str]:
    """What was watched and what was found; nothing where the command is about something else and
    there is nothing to tell. explained: the livelocks have been told."""
    livelocks = analysis.livelock
    if not livelocks.total:
        if _reports(analysis):
            return [none_found(analysis)]
        return [calls(analysis)] if (analysis.oom_calls or 0) > analysis.kills.oom_total else []
    total = words.count(livelocks.total, "OOM livelock")
    counts = f"{total}, {len(livelocks.open)} still going on; {calls(analysis)}"
    if explained or _reports(analysis):
        return [counts]
    found = list(livelocks.found.values())[:_SHOWN]
    return [*(_also(finding) for finding in found), counts]


def _also(finding: OomLivelock) -> str:
    """Of a run that was about something else."""
    text = f"{livelock_text.domain(finding)}: {livelock_text.reason(finding)}; "
    state = livelock_text.ended(finding.outcome) if finding.outcome else "still going on"
    return f"also an OOM livelock: {text}{livelock_text.numbers(finding)}, {state}"


def none_found(analysis: Analysis) -> str:
    """ "No OOM livelock in 50.9s: 10 calls of out_of_memory()"."""
    lasted = words.seconds(max(0.0, analysis.t - analysis.session.t))
    return f"No OOM livelock in {lasted}: {calls(analysis)}"


def calls(analysis: Analysis) -> str:
    """ "10 calls of out_of_memory()"."""
    counted = analysis.oom_calls
    if counted is None:
        return "calls of out_of_memory() not measured (no probe)"
    return f"{words.count(counted, 'call')} of out_of_memory()"


def _reports(analysis: Analysis) -> bool:
    return "oom-livelock" in REPORTED.get(analysis.session.command, ("oom-livelock",))
