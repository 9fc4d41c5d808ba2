"""Squashfs in the report: each thrash with its worst numbers, and what each cache did in all."""

from collections.abc import Iterator, Sequence

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches, cost_s
from ktrace.events import FILES, CacheUse, Longest
from ktrace.findings import SquashfsThrash
from ktrace.views import squashfs_text, words
from ktrace.views.fit import wrapped
from ktrace.views.safe_text import safe
from ktrace.views.squashfs_costs import cost_table
from ktrace.views.squashfs_text import brief, short
from ktrace.views.text_table import text_table

_BAR = 40
_HEAD = (
    *("CACHE", "CALLS", "HITS", "BLOCKS", "AGAIN", "READ", "INFLATED", "USED"),
    *("SPENT", "WAITS p50 p95"),
)


def section(analysis: Analysis, found: Sequence[Sequence[SquashfsThrash]]) -> list[str]:
    """found: of each thrash, what was told of it."""
    lines: list[str] = []
    for versions in found:
        lines += [*_thrash(analysis, versions), ""]
    return lines + tables(analysis)


def _thrash(analysis: Analysis, versions: Sequence[SquashfsThrash]) -> Iterator[str]:
    going_on = [finding for finding in versions if finding.status != "resolved"]
    worst = max(going_on or versions, key=lambda one: (one.bytes_again or 0, one.again))
    last = versions[-1]
    where = squashfs_text.place(worst.device, worst.mount, worst.cache)
    yield from wrapped(f"SQUASHFS THRASH: {where}: {squashfs_text.again(worst)}", "", "  ")
    since = words.moment(analysis.session, worst.since_t)
    end = words.moment(analysis.session, last.t)
    over = f"until {end}" if last.status == "resolved" else "still going on when tracing ended"
    yield f"  since {since}, {over}"
    for text in (*squashfs_text.numbers(worst), *squashfs_text.who(worst)):
        yield from wrapped(text, "  ", "    ")
    for text in squashfs_text.advice(worst):
        yield from wrapped(text, "  what would help: ", "    ")


def tables(analysis: Analysis) -> list[str]:
    """What each cache did since tracing began, the waits in it, and the files."""
    caches = analysis.of(SquashfsCaches)
    uses = [window.newest for window in caches.windows.values()]
    uses.sort(key=lambda use: (use.device, use.name))
    if not uses:
        return []
    lines = text_table([_HEAD, *map(_row, uses)])
    for use in uses:
        where = squashfs_text.place(use.device, use.mount, use.name)
        if use.slept:
            lines += ["", f"waits for an entry, {where}:", *histogram(use.slept)]
            lines += _longest("wait", use.longest_wait) + _longest("hold", use.longest_hold)
        if use.disk:
            lines += ["", f"reads from the disk, {where}:", *histogram(use.disk)]
    files = caches.busiest()
    if files:
        lines += ["", "files for which most was read:"]
        lines += [f"  {squashfs_text.file_line(file)}" for file in files]
    if caches.newest:
        lines += ["", *cost_table(caches.newest)]
    return lines


def _longest(kind: str, longest: Longest | None) -> list[str]:
    if longest is None:
        return []
    return [f"  longest {kind}: {short(longest.s)}, {words.name_of(longest.task)}"]


def _row(use: CacheUse) -> tuple[str, ...]:
    cached = use.name != FILES
    return (
        f"{safe(use.device) or '?'} {safe(use.name) or '?'}",
        str(use.calls),
        squashfs_text.share(use.hits, use.calls) if cached else "-",
        str(use.fills),
        squashfs_text.share(use.again, use.fills),
        brief(use.measured(use.bytes_read)),
        brief(use.measured(use.bytes_inflated)),
        brief(use.bytes_used) if cached else "?",
        words.seconds(cost_s(use)),
        squashfs_text.waits(use),
    )


def histogram(slots: Sequence[int]) -> list[str]:
    """ "   8.2ms  12 #####": from that time on, to its double."""
    used = [number for number, count in enumerate(slots) if count]
    most = max(slots)
    shown = range(used[0], used[-1] + 1)
    bars = ["#" * round(_BAR * slots[n] / most) for n in shown]
    begins = [short((1 << n) / 1e6 if n else 0) for n in shown]
    return [
        f"  {begin:>6} {slots[n]:>7} {bar}".rstrip()
        for n, begin, bar in zip(shown, begins, bars, strict=True)
    ]


def histogram_line(slots: Sequence[int]) -> list[str]:
    """ "  16ms 58%  33ms 42%": the same in one line; what rounds to nothing is left out."""
    total = sum(slots)
    shares = [(n, f"{100 * count / total:.0f}%") for n, count in enumerate(slots) if count]
    told = [f"{short((1 << n) / 1e6 if n else 0)} {part}" for n, part in shares if part != "0%"]
    return [f"  {'  '.join(told)}"]
