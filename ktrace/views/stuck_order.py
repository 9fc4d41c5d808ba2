"""Which stuck tasks the user wants to see, and in which order."""

from collections.abc import Callable, Sequence

from ktrace.findings import StuckTask
from ktrace.views import words
from ktrace.views.stuck_groups import killer, object_of, place_of, since


def matches(finding: StuckTask, text: str) -> bool:
    """Is text in one of its names: its own, of where it is, of what it waits for, of its killer?"""
    if not text:
        return True
    names = (
        words.task_name(finding.comm, finding.pid, finding.tid),
        finding.state,
        place_of(finding),
        object_of(finding),
        killer(finding),
    )
    return any(text.casefold() in name.casefold() for name in names)


def in_order(found: Sequence[StuckTask], sort: str, by_group: Sequence[str]) -> list[StuckTask]:
    """by_group: their ids, group by group. Among equals the longest stuck comes first."""
    oldest = sorted(found, key=since)
    if sort == "count":
        rank = {name: number for number, name in enumerate(by_group)}
        return sorted(oldest, key=lambda task: rank.get(task.id, len(rank)))
    keys: dict[str, Callable[[StuckTask], str]] = {
        "name": lambda task: task.comm.casefold(),
        "function": place_of,
    }
    return sorted(oldest, key=keys[sort]) if sort in keys else oldest
