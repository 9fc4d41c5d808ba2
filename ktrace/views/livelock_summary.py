"""OOM livelocks at the end of a run: the report's section, and the summary's lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.livelock import Livelocks
from ktrace.findings import OomLivelock
from ktrace.views import livelock_text, words
from ktrace.views.fit import wrapped
from ktrace.views.oom_counts import calls, count_calls, oom_kills


def section(analysis: Analysis, told: Mapping[str, Sequence[OomLivelock]]) -> list[str]:
    """Of the report: each livelock with its newest numbers."""
    found = analysis.of(Livelocks).found
    ids = list(dict.fromkeys([*told, *found]))
    if not ids:
        return []
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
    first, last = (
        words.moment(analysis.session, t)
        for t in (newest.since_t, newest.since_t + newest.lasted_s)
    )
    when = f"{first} to {last}: " if newest.outcome else f"since {first}: "
    end = (
        livelock_text.ended(newest.outcome)
        if newest.outcome
        else "still going on when tracing ended"
    )
    yield from wrapped(f"{when}{livelock_text.numbers(newest)}; {end}", "  ", "    ")
    shown = replace(seen, results=newest.results, kills=newest.kills, freed_kib=newest.freed_kib)
    for fact in livelock_text.details(shown):
        yield from wrapped(fact, "  ", "    ")


def summary(analysis: Analysis, brief: bool) -> list[str]:
    """How many were found; else what was watched, and for how long."""
    livelocks = analysis.of(Livelocks)
    if not livelocks.total:
        return [none_found(analysis)]
    total = words.count(livelocks.total, "OOM livelock")
    return [f"{total}, {len(livelocks.open) or 'none'} still going on; {_watched(analysis)}"]


def none_found(analysis: Analysis) -> str:
    """ "No OOM livelock in 50.9s: 10 calls of out_of_memory(), 1 OOM kill"."""
    if count_calls(analysis) is None:
        return f"OOM livelocks not measured (no probe on out_of_memory()); {oom_kills(analysis)}"
    lasted = words.watched(analysis.session, analysis.t)
    return f"No OOM livelock in {lasted}: {_watched(analysis)}"


def _watched(analysis: Analysis) -> str:
    return f"{calls(analysis)}, {oom_kills(analysis)}"
