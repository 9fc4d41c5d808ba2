"""Wait chains of killed threads: each link read in turn, down to who waits for nobody."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from ktrace.events import CacheState, Event, ExitLeft, Holder, Lost, Task, TaskState, TaskWait
from ktrace.probes.loader import RawEvent
from ktrace.record import record
from ktrace.waits.found import Found
from ktrace.waits.kernel import KernelTask
from ktrace.waits.page_faults import INSIDE

_DEEPEST = 16  # links of a chain
_MOST_TOLD = 64  # holders of one wait: processes of a PID namespace, say
_BUDGET_S = 0.4  # of CPU for stacks in one look: what is left is looked at in the next
_MOST_DYING = 64  # threads that are looked at
_MOST_HOLDERS = 4096  # entries of the map chain_tasks

Look = tuple[Any, TaskState]  # struct task_state, and what it says


@record
class _Read:
    """A stack that was read: in which sleep, and in which look."""

    start_t: float
    switches: int
    look: int


class Reader(Protocol):
    """ktrace.sources.live.wait_reader, or a test's."""

    def prepare(self) -> None: ...

    def begin(self) -> None: ...

    def read(self, raw: Any, state: TaskState) -> Found | None: ...

    def exit_left(self, raw: Any) -> tuple[ExitLeft, ...]: ...

    def squashfs_state(self, cache: int, name: str) -> CacheState | None: ...

    def close(self) -> None: ...


class Walker(Protocol):
    """The part of a loader that shows chosen tasks."""

    def follow(self, marks: dict[int, int]) -> bool: ...

    def walk_marked(self, mark: int) -> tuple[list[RawEvent], bool]: ...

    def sample(self, tids: Iterable[int]) -> None: ...


class WaitWatch:
    """Feed it each walk; gives events of waits, and of the tasks that hold what is waited for."""

    def __init__(
        self,
        walker: Walker,
        reader: Reader,
        decode: Callable[[RawEvent], Event],
        everybody: bool,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """everybody: also while nobody is killed. breathe: called in the middle of a look."""
        self._walker = walker
        self._reader = reader
        self._decode = decode
        self._everybody = everybody
        self._breathe = breathe
        self._told: dict[int, TaskWait] = {}  # newest, by tid
        self._followed: set[int] = set()
        self._read: dict[int, _Read] = {}  # by tid: who was asleep at the last look
        self._looks = 0
        self._lost = 0

    def dying(self, walked: Iterable[tuple[RawEvent, Event]]) -> list[Event]:
        """What the walk says, with what killed threads that are dying have still to let go of; of
        some of them, where they are many."""
        events: list[Event] = []
        room = _MOST_DYING
        for item, event in walked:
            self._breathe()
            if room and isinstance(event, TaskState) and event.killed and event.state == "exiting":
                room -= 1
                event = replace(event, exit_left=self._reader.exit_left(item[1]))
            events.append(event)
        return events

    def look(
        self, walked: Iterable[tuple[RawEvent, Event]], now: Callable[[], float]
    ) -> list[Event]:
        """walked: every task that the walk has shown, and what it says."""
        shown = {look[1].task.tid: look for look in map(_look, walked)}
        todo = [look for look in shown.values() if _waits(look[1])]
        if not self._everybody and not any(state.killed for _, state in todo):
            todo = []  # nobody asks
        todo.sort(key=lambda look: self._turn(look[1]))
        self._looks += 1
        if todo:
            self._reader.begin()
        left_s = _BUDGET_S
        events: list[Event] = []
        needed: set[int] = set()
        told: dict[int, TaskWait] = {}
        read: dict[int, _Read] = {}
        for depth in range(_DEEPEST):
            holders: dict[int, None] = {}
            for number, (raw, state) in enumerate(todo):
                tid = state.task.tid
                if left_s < 0:
                    left = self._left_out(todo[number:])
                    events += self._new_losses(len(todo) - number - len(left), now())
                    read |= left
                    told |= {tid: self._told[tid] for tid in left.keys() & self._told.keys()}
                    holders |= _holders(told[tid] for tid in left if tid in told)
                    break
                read[tid] = _Read(state.start_t, state.switches, self._looks)
                self._breathe()
                started = time.thread_time()
                wait = self._wait(raw, state, now())
                left_s -= time.thread_time() - started
                if wait is None:
                    continue
                told[tid] = wait
                events += [] if _same(self._told.get(tid), wait) else [wait]
                holders |= _holders([wait])
            needed |= holders.keys()
            todo = self._find(holders.keys() - told.keys(), shown, depth + 1, events)
            if not todo:
                break
        self._told, self._read = told, read
        self._walker.sample(_running(needed, told.values(), shown))
        self._forget(needed)
        return events

    def _turn(self, state: TaskState) -> tuple[bool, bool, int]:
        """Should time run out: before others who has not been read in this sleep, or else a killed
        thread's chain may never be read to its end. Of those the killed first, and who has waited
        longest for a look."""
        last = self._last_read(state)
        return last > 0, not state.killed, last

    def _last_read(self, state: TaskState) -> int:
        """The number of the look that has read its stack in this sleep; 0: none."""
        read = self._read.get(state.task.tid)
        same = read and (read.start_t, read.switches) == (state.start_t, state.switches)
        return read.look if read and same else 0

    def _left_out(self, looks: Iterable[Look]) -> dict[int, _Read]:
        """Of those that there is no time for: who was read in this sleep, which still holds."""
        tids = [state.task.tid for _, state in looks if self._last_read(state)]
        return {tid: self._read[tid] for tid in tids}

    def _new_losses(self, count: int, t: float) -> list[Event]:
        """Of stacks that no look has read in this sleep."""
        self._lost += count
        return [Lost(t=t, what="task_wait", count=self._lost)] if count else []

    def _wait(self, raw: Any, state: TaskState, t: float) -> TaskWait | None:
        found = self._reader.read(raw, state)
        if found is None:
            return None
        return TaskWait(
            t=t,
            task=state.task,
            start_t=state.start_t,
            switches=state.switches,
            wait=found.kind,
            object=hex(found.object) if found.object else "",
            detail=found.detail,
            evidence=found.evidence,
            holders=_told(found, state.task.tid),
            holders_left_out=max(0, len(found.holders) - _MOST_TOLD),
            waiters=len(found.waiters),
            target=found.target,
        )

    def _find(
        self, tids: Iterable[int], shown: dict[int, Look], mark: int, events: list[Event]
    ) -> list[Look]:
        """Looks at these tasks: from this walk, or from one that shows only them."""
        unseen = [tid for tid in tids if tid not in shown]
        if unseen:
            room = _MOST_HOLDERS - len(self._followed)
            self._walker.follow(dict.fromkeys(unseen[:room], mark))
            self._followed.update(unseen[:room])
            for item in self._walker.walk_marked(mark)[0]:
                look = _look((item, self._decode(item)))
                if look[1].task.tid not in shown:
                    shown[look[1].task.tid] = look
                    events.append(look[1])
        return [shown[tid] for tid in tids if tid in shown and _waits(shown[tid][1])]

    def prepare(self) -> None:
        """After symbols were read, so that a look finds all that it needs."""
        self._reader.prepare()

    def squashfs_state(self, cache: int, name: str) -> CacheState | None:
        """Of the cache at this address."""
        return self._reader.squashfs_state(cache, name)

    def close(self) -> None:
        self._reader.close()

    def _forget(self, needed: set[int]) -> None:
        """Members of chains stay on the list of those that each walk shows; others leave it."""
        gone = self._followed - needed
        self._walker.follow(dict.fromkeys(gone, 0))
        self._followed -= gone


def _look(walked: tuple[RawEvent, Event]) -> Look:
    (_, raw), state = walked
    assert isinstance(state, TaskState)
    return raw, state


def _told(found: Found, tid: int) -> tuple[Holder, ...]:
    """Without the waiter itself, and nobody twice."""
    held = found.holders[:_MOST_TOLD]
    known = {tid, *(task.tid for task, _ in held)}
    certain = [Holder(_task(task), why) for task, why in held if task.tid != tid]
    likely = [
        Holder(_task(task), why, within=INSIDE)
        for task, why in found.likely[:_MOST_TOLD]
        if task.tid not in known
    ]
    return (*certain, *likely)


def _task(task: KernelTask) -> Task:
    return Task(task.pid, task.tid, task.comm)


def _holders(waits: Iterable[TaskWait]) -> dict[int, None]:
    return dict.fromkeys(holder.task.tid for wait in waits for holder in wait.holders)


def _running(holders: set[int], waits: Iterable[TaskWait], shown: dict[int, Look]) -> list[int]:
    """Who runs of those that are waited for, and then of the killed; where tasks wait for a cache
    of squashfs, which does not keep who fills it, also who may do so."""
    awake = {
        tid: state for tid, (_, state) in shown.items() if state.on_cpu or state.state == "running"
    }
    chosen = [tid for tid in awake if tid in holders]
    chosen += [tid for tid, state in awake.items() if state.killed]
    if any(wait.wait == "squashfs-cache" for wait in waits):
        chosen += [tid for tid, state in awake.items() if state.on_cpu and state.squashfs]
    return chosen


def _waits(state: TaskState) -> bool:
    """Also for a CPU, where it could run and has none."""
    return not state.on_cpu and state.state != "zombie"


def _same(known: TaskWait | None, new: TaskWait) -> bool:
    """Nothing but time, and the number of waiters, has changed."""
    if known is None:
        return False
    parts = [
        (w.start_t, w.switches, w.wait, w.object, w.detail, w.holders, w.target)
        for w in (known, new)
    ]
    return parts[0] == parts[1]
