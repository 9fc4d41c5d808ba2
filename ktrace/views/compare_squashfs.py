"""Two sides of `ktrace squashfs`, as text: what was read, run by run."""

from collections.abc import Callable, Sequence

from ktrace.comparison.runs import Run
from ktrace.comparison.squashfs_reads import SquashfsReads, total_of
from ktrace.views import words
from ktrace.views.safe_text import safe
from ktrace.views.squashfs_text import share
from ktrace.views.text_table import text_table

_RUNS_SHOWN = 20
_HEAD = ("TRACED FOR", "READS", "BLOCKS", "AGAIN", "READ", "DECOMPRESSED", "THRASHES")
_Of = Callable[[SquashfsReads], str]


def rows(before: Sequence[Run], after: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Of the table of both sides."""
    cells: tuple[tuple[str, _Of], ...] = (
        ("reads of pages", lambda side: str(side.reads)),
        ("blocks read", lambda side: str(side.blocks)),
        ("  again, within seconds", lambda side: share(side.again, side.blocks)),
        ("read from the disk", lambda side: words.measured_size(side.bytes_read)),
        ("decompressed", lambda side: words.measured_size(side.bytes_inflated)),
        ("  for a read of pages", lambda side: _each(side.bytes_inflated, side.reads)),
        ("thrashes", lambda side: str(side.thrashes)),
    )
    old, new = (total_of([run.squashfs for run in side]) for side in (before, after))
    return [(name, words.measured(old, of), words.measured(new, of)) for name, of in cells]


def runs(side: str, of_side: Sequence[Run]) -> list[str]:
    table = [(f"{side} RUN", *_HEAD), *map(_run, of_side[:_RUNS_SHOWN])]
    more = len(of_side) - _RUNS_SHOWN
    doubts = [
        f"  in doubt: {safe(r.file)}: {safe('; '.join(r.doubts))}" for r in of_side if r.doubts
    ]
    return [*text_table(table), *([f"  and {more} more"] if more > 0 else []), *doubts, ""]


def _run(run: Run) -> tuple[str, ...]:
    known = run.squashfs
    if known is None:
        return (safe(run.file), words.seconds(run.duration_s), *["not measured"] * 6)
    return (
        safe(run.file),
        words.seconds(run.duration_s),
        str(known.reads),
        str(known.blocks),
        share(known.again, known.blocks),
        words.measured_size(known.bytes_read),
        words.measured_size(known.bytes_inflated),
        str(known.thrashes),
    )


def _each(part: int | None, number: int) -> str:
    if part is None:
        return "not measured"
    return words.size(part / number) if number else "-"
