"""Folded stacks for flame graphs (flamegraph.pl, speedscope, inferno): one line for each stack,
outermost frame first, and the milliseconds that tasks were stuck in it."""

from collections import Counter
from collections.abc import Iterable

from ktrace.kernel.wait_functions import function_of
from ktrace.views.formats.document import Chapter
from ktrace.views.formats.stuck_time import StuckTime, stuck_times
from ktrace.views.safe_text import safe

_NO_STACK = "[no stack]"


def lines(chapters: list[Chapter]) -> Iterable[str]:
    """ "reader;entry_SYSCALL_64_after_hwframe;...;squashfs_cache_get 10214"."""
    spent = folded(one for chapter in chapters for one in stuck_times(chapter))
    for frames, seconds in sorted(spent.items()):
        yield f"{';'.join(frames)} {round(seconds * 1000)}"


def folded(times: Iterable[StuckTime]) -> Counter[tuple[str, ...]]:
    """Seconds by comm and functions, the outermost first."""
    spent: Counter[tuple[str, ...]] = Counter()
    for one in times:
        stack = [function_of(frame) for frame in reversed(one.finding.stack)]
        frames = (one.finding.comm, *(stack or [_NO_STACK]))
        spent[tuple(_frame(frame) for frame in frames)] += one.seconds  # type: ignore[assignment]
    return spent


def _frame(name: str) -> str:
    """Without what separates frames and counts."""
    return safe(name).replace(";", ":").replace(" ", "_") or "?"
