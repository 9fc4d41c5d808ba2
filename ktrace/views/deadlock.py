"""A cycle of waits as one sentence: who waits for what, held by whom, round to the first again."""

from itertools import pairwise

from ktrace.findings import BlockedTask, Blocker, Release, StuckTask, WaitsFor
from ktrace.views.safe_text import safe
from ktrace.views.words import task_name

_HOLDS = "holds "
_LOOKS = 10_000  # links; a finding has far fewer, a damaged trace may not

Waiter = StuckTask | BlockedTask | Blocker


def deadlock(finding: StuckTask | BlockedTask) -> str:
    """ "DEADLOCK: a[1] waits for mutex: mutex of a pipe, held by b[2]; b[2] waits for memory: the
    OOM killer; memory waits for a[1] to die". The cycle that the task is in itself, else one that
    it waits for; empty where there is none."""
    cycle = _cycle(finding)
    if not cycle:
        return ""
    links = [_link(waiter, blocker) for waiter, blocker in pairwise(cycle)]
    return "DEADLOCK: " + "; ".join(links)


def members(finding: StuckTask | BlockedTask) -> tuple[str, ...]:
    """The names of those in the cycle but for the task itself; empty where there is none."""
    others = {_name(link): None for link in _cycle(finding)[1:] if link.tid != finding.tid}
    return tuple(others)


def release(finding: StuckTask | BlockedTask) -> Release | None:
    """What ends the cycle: of what releases its members, rather one that has a command. Who blocks
    them from outside of it, does not. None where there is no cycle."""
    known = [one.release for one in _cycle(finding)[-2::-1] if one.release]
    return next((one for one in known if one.command), known[0] if known else None)


def _cycle(finding: StuckTask | BlockedTask) -> list[Waiter]:
    """From a task, by who blocks it, to the same task again."""
    paths: list[list[Waiter]] = [[finding]]
    other: list[Waiter] = []
    for _ in range(_LOOKS):
        if not paths:
            break
        path = paths.pop(0)  # the shortest first
        for blocker in path[-1].blocked_by:
            if blocker.cycle_to == finding.tid:
                return [*path, blocker]
            if blocker.cycle_to is None:
                paths.append([*path, blocker])
            elif not other:
                start = [link.tid for link in path].index(blocker.cycle_to)
                other = [*path[start:], blocker]
    return other


def _link(waiter: Waiter, blocker: Waiter) -> str:
    assert isinstance(blocker, Blocker)
    wait = waiter.wait if isinstance(waiter, Blocker) else waiter.waits_for
    name, held_by = _name(waiter), _name(blocker)
    if wait is None:
        return f"{name} waits for {held_by}, which {safe(blocker.why)}"
    if wait.kind == "memory":
        return f"{name} waits for {_what(wait)}; memory waits for {held_by} to die"
    if blocker.why.startswith(_HOLDS):
        return f"{name} waits for {_what(wait)}, held by {held_by}"
    return f"{name} waits for {_what(wait)}: {held_by} {safe(blocker.why)}"


def _what(wait: WaitsFor) -> str:
    from ktrace.views.wait_chain import waited_for

    return waited_for(wait)


def _name(task: Waiter) -> str:
    return task_name(task.comm, task.pid, task.tid)
