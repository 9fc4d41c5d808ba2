"""Who waits for whom, to the end of the chain or round the cycle."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from ktrace.detectors.kills import Kill
from ktrace.detectors.memory_waits import MemoryWait, OomCalls, victims_of
from ktrace.detectors.running import RunningThreads
from ktrace.detectors.squashfs import Holders
from ktrace.detectors.waits import wait_of
from ktrace.events import (
    Event,
    Holder,
    OomActivity,
    OutOfMemory,
    Stack,
    Task,
    TaskDead,
    TaskRuns,
    TaskState,
    TaskWait,
)
from ktrace.findings import Blocker, Release, Runs, WaitsFor
from ktrace.kernel.wait_functions import function_of, is_scheduler
from ktrace.record import record
from ktrace.waits.by_function import NamedWait, named_wait
from ktrace.waits.found import OBJECT_ALONE
from ktrace.waits.page_faults import is_inside
from ktrace.waits.release import release_of

BLOCKERS_KEPT = 16  # of one wait, in a finding
_DEEPEST = 16  # links of a chain


@record
class Link:
    """One of those that somebody waits for."""

    task: Task
    why: str
    evidence: tuple[str, ...]


@record
class _Group:
    """All whom somebody waits for: the first that may be told, and who they are."""

    first: tuple[Link, ...] = ()
    tids: frozenset[int] = frozenset()


_NOBODY = _Group()


@record
class Blockers:
    """The first of them, and how many more there are."""

    kept: tuple[Blocker, ...] = ()
    left_out: int = 0


class WaitChains:
    """Feed it all events in order; ask it at a walk."""

    takes: ClassVar[frozenset[type[Event]]] = frozenset(
        {TaskWait, TaskDead, TaskRuns, OutOfMemory, OomActivity}
    )

    def __init__(self) -> None:
        self._waits: dict[int, TaskWait] = {}  # newest, by tid
        self._calls = OomCalls()
        self._running = RunningThreads()

    def feed(self, event: Event) -> None:
        self._calls.feed(event)
        self._running.feed(event)
        match event:
            case TaskWait():
                self._waits[event.task.tid] = event
            case TaskDead():
                self._waits.pop(event.task.tid, None)

    def at(self, samples: Mapping[int, TaskState], kills: Iterable[Kill]) -> "Look":
        """samples: every thread that the walk has shown, by tid. kills: those that are not over."""
        self._waits = {tid: wait for tid, wait in self._waits.items() if tid in samples}
        return Look(samples, self._waits, [*kills], self._calls, self._running)


class Look:
    """The chains as one walk found them."""

    def __init__(
        self,
        samples: Mapping[int, TaskState],
        waits: Mapping[int, TaskWait],
        kills: list[Kill],
        calls: OomCalls,
        running: RunningThreads,
    ) -> None:
        self._samples = samples
        self._waits = waits
        self._kills = kills
        self._calls = calls
        self._running = running
        self._squashfs = Holders(samples.values(), running.stack_now)
        self._groups: dict[object, _Group] = {}
        self._made: dict[Link, Blocker] = {}  # at the beginning of a chain, without a cycle

    def blockers(self, sample: TaskState) -> Blockers:
        """Those that block the thread, each with who blocks it."""
        return self._blockers(sample, (sample.task.tid,))

    def waits_for(self, sample: TaskState) -> tuple[WaitsFor | None, Release | None]:
        """What the thread itself waits for, and what ends that."""
        wait, named = self._read(sample), _named(sample)
        if wait and not (named and wait.wait in OBJECT_ALONE):
            detail = wait.detail
            if wait.wait == "squashfs-cache" and not self._group(sample).tids:
                detail += "; nobody was seen who has it"  # it runs, and there is no sample of it
            return WaitsFor(wait.wait, wait.object, detail), release_of(wait)
        memory = self._memory(sample)
        named = memory.wait if memory else named
        if named:
            return WaitsFor(named.kind, "", named.detail), named.release
        return None, None

    def runs(self, sample: TaskState) -> Runs | None:
        """Where it runs, by a sample."""
        taken = self._running.of(sample)
        return Runs(taken.cpu, taken.stack) if taken else None

    def _place(self, sample: TaskState) -> Runs | None:
        """The same, and of one that could run and has no CPU: its stack, which it has saved."""
        taken = self.runs(sample)
        if taken or sample.state != "running" or sample.on_cpu:
            return taken
        stack = [frame for frame in sample.stack if not is_scheduler(function_of(frame))]
        return Runs(None, tuple(stack)) if stack else None

    def stack(self, sample: TaskState) -> Stack:
        """Where it is, as far as that is known of one that runs."""
        return self._running.stack(sample)

    def _memory(self, sample: TaskState) -> MemoryWait | None:
        return self._calls.of(sample, self._running.stack(sample))

    def _read(self, sample: TaskState) -> TaskWait | None:
        """What was read from its stack, in this sleep, with those holders that do hold it."""
        wait = self._waits.get(sample.task.tid)
        if wait is None or (wait.start_t, wait.switches) != (sample.start_t, sample.switches):
            return None
        holders = tuple(filter(self._holds, wait.holders))
        return wait if len(holders) == len(wait.holders) else replace(wait, holders=holders)

    def _holds(self, holder: Holder) -> bool:
        """Where its stack decides it: a reader of an mmap_lock is inside of a page fault."""
        if not holder.within:
            return True
        sample = self._samples.get(holder.task.tid)
        return sample is not None and is_inside(map(function_of, (*sample.top, *sample.stack)))

    def _blockers(self, sample: TaskState, path: tuple[int, ...]) -> Blockers:
        if len(path) > _DEEPEST:
            return Blockers()
        group, tid = self._group(sample), sample.task.tid
        links = [link for link in group.first if link.task.tid != tid]
        kept = tuple(self._blocker(link, path) for link in links[:BLOCKERS_KEPT])
        return Blockers(kept, len(group.tids) - (tid in group.tids) - len(kept))

    def _group(self, sample: TaskState) -> _Group:
        """Made once for all that wait for the same, but for what was read from a stack."""
        wait = self._read(sample)
        if wait and wait.holders:
            return _group(Link(holder.task, holder.why, wait.evidence) for holder in wait.holders)
        holders, why = self._squashfs.of(sample, wait)
        if holders:
            key = (id(holders), why)
            if key not in self._groups:
                evidence = ("squashfs_cache_get()",)
                self._groups[key] = _group(Link(held.task, why, evidence) for held in holders)
            return self._groups[key]
        memory = self._memory(sample)
        return self._victims(memory) if memory else _NOBODY

    def _victims(self, memory: MemoryWait) -> _Group:
        """Made once for all who wait for the same memory, and know it from the same."""
        if memory not in self._groups:
            evidence = (memory.evidence, "oom_kill_process()")
            victims = victims_of(memory, self._kills)
            self._groups[memory] = _group(Link(task, why, evidence) for task, why in victims)
        return self._groups[memory]

    def _blocker(self, link: Link, path: tuple[int, ...]) -> Blocker:
        tid = link.task.tid
        if tid in path:
            return self._describe(link, Blockers(), cycle_to=tid)
        if link in self._made:
            return self._made[link]
        sample = self._samples.get(tid)
        beneath = self._blockers(sample, (*path, tid)) if sample else Blockers()
        made = self._describe(link, beneath)
        if len(path) == 1 and not _has_cycle(made):
            self._made[link] = made
        return made

    def _describe(self, link: Link, beneath: Blockers, cycle_to: int | None = None) -> Blocker:
        sample = self._samples.get(link.task.tid)
        wait = wait_of(sample) if sample else None
        waits_for, release = self.waits_for(sample) if sample else (None, None)
        return Blocker(
            pid=link.task.pid,
            tid=link.task.tid,
            comm=link.task.comm,
            state=sample.state if sample else "unknown",
            function=wait.function if wait else None,
            why=link.why,
            evidence=link.evidence,
            wait=waits_for,
            since=_since(sample) if sample else None,
            killed=bool(sample and sample.killed),
            release=release,
            blocked_by=beneath.kept,
            blockers_left_out=beneath.left_out,
            cycle_to=cycle_to,
            runs=self._place(sample) if sample else None,
        )


def _since(sample: TaskState) -> float | None:
    if sample.state == "running":
        return None
    return sample.off_cpu_t if sample.asleep_t is None else sample.asleep_t


def _group(links: Iterable[Link]) -> _Group:
    made = tuple(links)
    # one more: whoever asks may be among them himself
    return _Group(made[: BLOCKERS_KEPT + 1], frozenset(link.task.tid for link in made))


def _named(sample: TaskState) -> NamedWait | None:
    wait = wait_of(sample)
    if wait is None:
        return None
    return named_wait(wait.function, map(function_of, (*sample.top, *sample.stack)))


def _has_cycle(blocker: Blocker) -> bool:
    return blocker.cycle_to is not None or any(map(_has_cycle, blocker.blocked_by))
