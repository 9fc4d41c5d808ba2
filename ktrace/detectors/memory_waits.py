"""Who waits for memory, and whose death the memory waits for: the OOM killer's side of a chain."""

from collections.abc import Iterable

from ktrace.detectors.kills import SHARES_MM, Kill
from ktrace.detectors.waits import wait_of
from ktrace.events import Event, OomActivity, OutOfMemory, Stack, Task, TaskState
from ktrace.findings import Release
from ktrace.kernel.wait_functions import function_of
from ktrace.record import record
from ktrace.waits.by_function import OF_MEMORY, NamedWait, named_beneath, named_wait

_RECENT_S = 2.5  # between two counts of calls lies a second, and as much between two looks
_KEPT = 1024  # threads that have called out_of_memory()
_OF_MEMCG = ("memory cgroup", "its cgroup")


@record
class Asked:
    """The newest call of out_of_memory() by a thread."""

    t: float
    memcg: str | None  # path of the memory cgroup at its limit; None: the machine
    cgroup_id: int | None  # None: not recorded


@record
class MemoryWait:
    """How it is known that a thread waits for memory, and whose."""

    wait: NamedWait
    evidence: str
    of_memcg: bool
    cgroup_id: int | None  # of the memory cgroup at its limit; None: not known


class OomCalls:
    """Who calls out_of_memory(). Feed it all events in order."""

    def __init__(self) -> None:
        self._asked: dict[int, Asked] = {}  # by tid, the newest last

    def feed(self, event: Event) -> None:
        match event:
            case OutOfMemory():
                self._note(event.by.tid, Asked(event.t, event.memcg, event.cgroup_id))
            case OomActivity(call="out_of_memory"):
                for caller in event.callers:
                    asked = Asked(caller.last_t, event.memcg, event.cgroup_id)
                    self._note(caller.task.tid, asked)

    def _note(self, tid: int, asked: Asked) -> None:
        known = self._asked.pop(tid, None)
        self._asked[tid] = asked if known is None or asked.t >= known.t else known
        if len(self._asked) > _KEPT:
            del self._asked[next(iter(self._asked))]

    def of(self, sample: TaskState, stack: Stack) -> MemoryWait | None:
        """Of a thread at a look, stack being where it is; None where nothing says that it waits for
        memory. One that runs waits by calling again and again: try_charge_memcg() of
        mm/memcontrol.c and __alloc_pages_slowpath() of mm/page_alloc.c retry as long as a
        victim lives."""
        named = _by_stack(sample, stack)
        asked = self._asked.get(sample.task.tid)
        ago = sample.t - asked.t if asked else _RECENT_S
        runs = sample.state == "running"
        if asked and ago < _RECENT_S and (named or runs) and not _of_high(named):
            return _by_call(asked)
        if named is None:
            return None
        return MemoryWait(
            named, "stack of the one that waits", named.detail.endswith(_OF_MEMCG), None
        )


def _by_stack(sample: TaskState, stack: Stack) -> NamedWait | None:
    wait = wait_of(sample)
    functions = map(function_of, stack)
    named = named_wait(wait.function, functions) if wait else named_beneath(functions)
    return named if named and named.kind == "memory" else None


def _of_high(named: NamedWait | None) -> bool:
    """memory.high calls no OOM killer."""
    return named is not None and named.detail.startswith("memory.high")


def _by_call(asked: Asked) -> MemoryWait:
    of_memcg = asked.memcg is not None
    whose = f"the OOM killer of memory cgroup {asked.memcg}" if of_memcg else "the OOM killer"
    release = _larger(asked.memcg) if asked.memcg is not None else OF_MEMORY
    wait = NamedWait("memory", whose, release)
    return MemoryWait(wait, "out_of_memory() called", of_memcg, asked.cgroup_id)


def _larger(memcg: str) -> Release:
    return Release(
        f"a larger memory.max of {memcg} (memory.limit_in_bytes in v1) lets it go on; "
        "or memory has to become free: a killed task that dies, reclaim",
        "",
    )


def victims_of(wait: MemoryWait, kills: Iterable[Kill]) -> list[tuple[Task, str]]:
    """Threads of OOM victims that are still alive, of the cgroup or of the machine as the wait is,
    and why they are waited for: first those for which out_of_memory() waits, as it kills nobody
    else before they are gone or the OOM reaper is done with them (MMF_OOM_SKIP)."""
    found = [kill for kill in kills if _is_victim(kill) and _is_of(wait, kill)]
    found.sort(key=_is_reaped)
    return [
        (thread.sample.task, _REAPED if _is_reaped(kill) else _VICTIM)
        for kill in found
        for thread in kill.threads.values()
    ]


_VICTIM = "is an OOM victim, whose memory is waited for"
_REAPED = "is an OOM victim: what the OOM reaper could not take is free when it dies"


def _is_victim(kill: Kill) -> bool:
    return kill.oom or kill.marked or kill.why == SHARES_MM


def _is_reaped(kill: Kill) -> bool:
    return kill.reaper in ("finish", "skip")


def _is_of(wait: MemoryWait, kill: Kill) -> bool:
    choice = kill.choice or (kill.of.choice if kill.of else None)
    if choice is None:
        return True  # not known
    if wait.cgroup_id is not None and choice.domain_id is not None:
        return wait.cgroup_id == choice.domain_id
    return (choice.constraint == "CONSTRAINT_MEMCG") == wait.of_memcg
