"""A comparison as text: verdict first, then what it rests on."""

from collections.abc import Callable, Sequence

from ktrace.comparison import statistics
from ktrace.comparison.measures import Measure
from ktrace.comparison.runs import Run
from ktrace.comparison.squashfs import TARGET as SQUASHFS
from ktrace.comparison.summary import AtPlace, Side, Times, sum_up
from ktrace.comparison.verdict import Comparison
from ktrace.comparison.verdict_names import NOT_COMPARABLE
from ktrace.views import compare_large, compare_squashfs, words
from ktrace.views.compare_plot import plot
from ktrace.views.safe_text import safe
from ktrace.views.text_table import text_table

_OfRuns = Sequence[tuple[str, Callable[[Run], str]]]
_OfSides = Sequence[tuple[str, Callable[[Side], str]]]
_OfTimes = Sequence[tuple[str, Callable[[Times], float]]]

_NAMES_SHOWN = 4
_RUNS_SHOWN = 20


def text_lines(comparison: Comparison) -> list[str]:
    before, after = sum_up(comparison.before), sum_up(comparison.after)
    if comparison.target.name == SQUASHFS:
        return _of_squashfs(comparison)
    return [
        f"verdict: {comparison.verdict}",
        *_why(comparison),
        *_not_covered(comparison, after),
        "",
        *text_table(_rows(comparison, before, after)),
        "",
        *(f"warning: {safe(warning)}" for warning in comparison.warnings),
        *([""] if comparison.warnings else []),
        "Time from SIGKILL to death",
        *_times(comparison),
        "",
        *_places(before, after),
        *_runs("BEFORE", comparison.before),
        *_runs("AFTER", comparison.after),
        *_test(comparison),
    ]


def _of_squashfs(comparison: Comparison) -> list[str]:
    """What was read; nobody is killed in it."""
    sides = _sides(comparison)
    measures = (comparison.target, *comparison.guards)
    return [
        f"verdict: {comparison.verdict}",
        *_why(comparison),
        "",
        *text_table([*_of_runs(comparison), *compare_squashfs.rows(*sides)]),
        "",
        *(f"warning: {safe(warning)}" for warning in comparison.warnings),
        *([""] if comparison.warnings else []),
        *compare_squashfs.runs("BEFORE", comparison.before),
        *compare_squashfs.runs("AFTER", comparison.after),
        f"Test: {statistics.NAME}; significant at p <= {statistics.ALPHA}.",
        "Better: fewer by the test. Fixed: then, and no run of AFTER thrashes.",
        *map(_values, measures),
    ]


def _why(comparison: Comparison) -> list[str]:
    different = [f"  - {safe(text)}" for text in comparison.differences]
    if comparison.verdict == NOT_COMPARABLE:
        return [
            "  the two sides did not do comparable work (--ignore-differences overrides this):",
            *different,
        ]
    lines = [f"  {safe(comparison.why)}"]
    if comparison.ignored:
        lines += [
            "  by --ignore-differences, though the two sides did not do comparable work:",
            *different,
        ]
    return lines


def _not_covered(comparison: Comparison, after: Side) -> list[str]:
    """What AFTER still gets stuck in, though it is not what the verdict is about."""
    return [
        f"  not covered: {place.stuck} stuck in {_name(place)}, up to "
        f"{words.seconds(place.times.max_s)}"
        for place in after.places
        if comparison.function is not None and place.function != comparison.function
    ]


def _rows(comparison: Comparison, before: Side, after: Side) -> list[tuple[str, str, str]]:
    rows = _of_runs(comparison)
    of_sides: _OfSides = (
        ("runs", lambda side: str(side.runs)),
        ("duration", lambda side: words.seconds(side.duration_s)),
        ("kills", lambda side: str(side.kills)),
        ("  per minute", lambda side: _number(_per_minute(side))),
        ("  of them by the OOM killer", lambda side: words.measured(side.kills_by_oom, str)),
        ("  killed tasks", lambda side: _names(side.names)),
        ("stuck victims", lambda side: _share(side.stuck, side.kills)),
        ("died by", lambda side: _ends(side.died_by)),
        ("OOM invocations", lambda side: words.measured(side.oom_invocations, str)),
        ("  per OOM kill", lambda side: _number(side.invocations_per_kill)),
        ("bad pages", lambda side: words.measured(side.bad_pages, str)),
    )
    for name, of_side in of_sides:
        rows.append((name, of_side(before), of_side(after)))
    return [*rows, *compare_large.rows(*_sides(comparison))]


def _of_runs(comparison: Comparison) -> list[tuple[str, str, str]]:
    rows = [("", "BEFORE", "AFTER")]
    of_runs: _OfRuns = (
        ("kernel", lambda run: run.session.kernel),
        ("host", lambda run: run.session.host),
        ("traced by", lambda run: run.session.command),
    )
    for name, of_run in of_runs:
        old, new = ({of_run(run) for run in side} for side in _sides(comparison))
        rows.append((name, safe(", ".join(sorted(old))), safe(", ".join(sorted(new)))))
    return rows


def _sides(comparison: Comparison) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    return comparison.before, comparison.after


def _per_minute(side: Side) -> float | None:
    return side.kills / side.duration_s * 60 if side.duration_s else None


def _names(names: dict[str, int]) -> str:
    shown = [f"{count} {safe(name)}" for name, count in [*names.items()][:_NAMES_SHOWN]]
    more = len(names) - _NAMES_SHOWN
    return ", ".join(shown + ([words.count(more, "other name")] if more > 0 else [])) or "-"


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else str(part)


def _ends(died_by: dict[str, int]) -> str:
    return ", ".join(f"{count} {_end(end)}" for end, count in died_by.items()) or "-"


def _end(end: str) -> str:
    names = {"alive": "still alive", "unknown": "unseen"}
    return names[end] if end in names else words.signal_name(int(end))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _times(comparison: Comparison) -> list[str]:
    sides = [[victim for run in side for victim in run.victims] for side in _sides(comparison)]
    times = [[victim.after_s for victim in victims] for victims in sides]
    summed = [sum_up(side).times for side in _sides(comparison)]
    rows = [("", "BEFORE", "AFTER")]
    of_times: _OfTimes = (
        ("  median", lambda times: times.median_s),
        ("  95 %", lambda times: times.p95_s),
        ("  longest", lambda times: times.max_s),
    )
    for name, of in of_times:
        cells = ["-" if one is None else _exactly(of(one)) for one in summed]
        rows.append((name, cells[0], cells[1]))
    return [*text_table(rows), *_lower_bounds(summed), "", *plot(times[0], times[1])]


def _lower_bounds(summed: Sequence[Times | None]) -> list[str]:
    counts = [times.at_least if times else 0 for times in summed]
    if not any(counts):
        return []
    return [
        f"  at least: SIGKILL or the death of {counts[0]} (BEFORE) and {counts[1]} (AFTER) was not "
        "seen: they",
        "  count with the time that was seen",
    ]


def _exactly(value: float) -> str:
    """ "0.4 ms", "23 ms", "10.5s"."""
    if value < 0.001:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else words.seconds(value)


def _places(before: Side, after: Side) -> list[str]:
    """Functions and primitives in which victims were stuck."""
    by_place = [
        {(place.function, place.primitive): place for place in side.places}
        for side in (before, after)
    ]
    keys = list(dict.fromkeys([*by_place[0], *by_place[1]]))
    if not keys:
        return ["No victim was stuck.", ""]
    rows = [("STUCK IN", "PRIMITIVE", "BEFORE: median time", "AFTER: median time")]
    for function, primitive in keys:
        cells = [_at_place(places.get((function, primitive))) for places in by_place]
        rows.append((safe(function) or "(no stack)", safe(primitive) or "-", cells[0], cells[1]))
    return [*text_table(rows), ""]


def _at_place(place: AtPlace | None) -> str:
    if place is None:
        return "-"
    times = place.times
    return f"{place.stuck}: {words.seconds(times.median_s)}, at most {words.seconds(times.max_s)}"


def _name(place: AtPlace) -> str:
    return f"{safe(place.function) or '(no stack)'}, {safe(place.primitive)}"


def _runs(side: str, runs: Sequence[Run]) -> list[str]:
    rows = [(f"{side} RUN", "TRACED", "FOR", "KILLS", "STUCK", "LONGEST")]
    for run in runs[:_RUNS_SHOWN]:
        longest = max((victim.after_s for victim in run.victims), default=None)
        rows.append(
            (
                safe(run.file),
                safe(run.session.wall),
                words.seconds(run.duration_s),
                str(len(run.victims)),
                str(len(run.stuck)),
                "-" if longest is None else _exactly(longest),
            )
        )
    more = len(runs) - _RUNS_SHOWN
    doubts = [
        f"  in doubt: {safe(run.file)}: {safe('; '.join(run.doubts))}" for run in runs if run.doubts
    ]
    return [*text_table(rows), *([f"  and {more} more"] if more > 0 else []), *doubts, ""]


def _test(comparison: Comparison) -> list[str]:
    """How it was decided, so that the reader can decide otherwise."""
    limits = sorted({run.stuck_after for side in _sides(comparison) for run in side})
    lines = [
        f"Stuck: still alive {' or '.join(f'{limit:g} s' for limit in limits)} after SIGKILL.",
        f"Test: {statistics.NAME}; significant at p <= {statistics.ALPHA}.",
        "It holds when the runs are independent and were made alike; kills of one run are not "
        "independent,",
        "so a run counts once, with the share of its victims. Fixed: none in AFTER, and fewer by "
        "the test.",
    ]
    measures = (comparison.target, comparison.elsewhere, *comparison.guards)
    return [*lines, *(_values(measure) for measure in measures if measure is not None)]


def _values(measure: Measure) -> str:
    sides = [_listed(values) for values in (measure.before, measure.after)]
    p = f"p fewer {measure.p_fewer:.2g}, p more {measure.p_more:.2g}"
    return f"  {safe(measure.what)}: {sides[0]} and {sides[1]}; {p}"


def _listed(values: Sequence[float]) -> str:
    shown = " ".join(f"{value:.3g}" for value in values[:_RUNS_SHOWN])
    return shown + (" ..." if len(values) > _RUNS_SHOWN else "") if values else "not measured"
