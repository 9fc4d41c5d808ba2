"""Tasks that are blocked now, killed or not: asleep in D through all of two looks at them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Self

from ktrace.detectors.detector import Detector, Run
from ktrace.detectors.kills import Kills
from ktrace.detectors.wait_chains import Look, WaitChains
from ktrace.detectors.waits import wait_of
from ktrace.events import Event, TaskDead, TaskState, Walk
from ktrace.findings import BlockedTask, Finding
from ktrace.kernel.cgroup_names import place_of
from ktrace.kernel.wait_functions import function_of
from ktrace.task_filter import NO_FILTER, TaskFilter

_BLOCKED = ("uninterruptible", "killable", "exiting")  # ps says D of them


class BlockedTasks(Detector):
    """Feed it all events in order. Judges at each Walk.

    A task is blocked that two walks, at least `after` seconds apart, found in the same sleep: its
    context switches are the same; or in a function that asks again and again, where it sleeps in
    between. How long it has slept by then the scheduler's books say, where the kernel has them.
    """

    findings: ClassVar[tuple[type[Finding], ...]] = (BlockedTask,)
    takes = WaitChains.takes | {TaskState, TaskDead, Walk}

    def __init__(
        self,
        after: float,
        kills: Kills,
        task_filter: TaskFilter = NO_FILTER,
        follows: bool = False,
    ) -> None:
        """follows: also tells when it is over, and again when the task is blocked again."""
        self._after = after
        self._follows = follows
        self._kills = kills
        self._filter = task_filter
        self._chains = WaitChains()
        self._first: dict[int, TaskState] = {}  # of the present sleep, by tid
        self._seen: dict[int, TaskState] = {}  # since the last walk
        self.open: dict[int, BlockedTask] = {}  # that were told, by tid
        self._walks: list[Walk] = []  # that were complete: the first and the newest

    @classmethod
    def of_run(cls, run: Run) -> Self:
        session = run.session
        after = session.stuck_after if session.blocked_after is None else session.blocked_after
        return cls(after, run.kills, run.filter, follows=session.command != "stuck")

    def feed(self, event: Event) -> Iterator[BlockedTask]:
        """The findings that event leads to."""
        self._chains.feed(event)
        match event:
            case TaskState():
                self._seen[event.task.tid] = event
            case TaskDead():
                self._seen.pop(event.task.tid, None)
            case Walk():
                if event.complete:
                    self._walks = [*self._walks[:1], event]
                yield from self._judge(event)

    def doubts(self, t: float) -> Iterator[str]:
        """One look tells nothing of how long a task has slept."""
        if len(self._walks) < 2 or self._walks[1].started_t - self._walks[0].t < self._after:
            yield f"the tasks were not looked at twice, {self._after:g} s apart"

    def _judge(self, walk: Walk) -> Iterator[BlockedTask]:
        seen = sorted(self._seen.items())  # the order in which looks come changes, and says nothing
        fresh = {tid: look for tid, look in seen if look.t >= walk.started_t}
        self._seen.clear()
        asleep = {
            tid: look
            for tid, look in fresh.items()
            if look.state in _BLOCKED
            and self._filter.fits(look.task.pid, look.task.comm, look.cgroup)
        }
        chains = self._chains.at(fresh, self._kills.open)
        self._first = {
            tid: known if (known := self._first.get(tid)) and _same(known, look) else look
            for tid, look in asleep.items()
        }
        if self._follows and walk.complete:
            yield from self._resolve(walk)
        for tid, look in asleep.items():
            blocked_s = round(look.t - self._first[tid].t, 6)
            if blocked_s >= self._after and not self._is_told(look):
                finding = _describe(look, self._first[tid], chains, walk.t)
                self.open[tid] = finding
                yield finding

    def _is_told(self, look: TaskState) -> bool:
        told = self.open.get(look.task.tid)
        return told is not None and told.id == _id(look)

    def _resolve(self, walk: Walk) -> Iterator[BlockedTask]:
        """Those who are in another sleep now, or in none."""
        for tid, told in list(self.open.items()):
            first = self._first.get(tid)
            if first is None or first.t > told.t or _id(first) != told.id:
                del self.open[tid]
                yield replace(told, status="resolved", t=walk.t)


def _same(known: TaskState, new: TaskState) -> bool:
    """The same sleep of the same thread, or the same loop of short sleeps."""
    if known.start_t != new.start_t:
        return False
    return known.switches == new.switches or _polls(known) == _polls(new) != ""


# netdev_run_todo() of net/core/dev.c sleeps for 250 ms at most, until a reference is dropped.
_POLL = ("netdev_run_todo", "netdev_wait_allrefs_any", "netdev_wait_allrefs")


def _polls(look: TaskState) -> str:
    """The function that does so, in which it may wait for RCU too; empty where it is in none."""
    return next((name for frame in look.stack if (name := function_of(frame)) in _POLL), "")


def _id(look: TaskState) -> str:
    return f"blocked-{look.task.tid}-{look.start_t:.6f}"


def _slept(look: TaskState, first: TaskState) -> tuple[float, str]:
    """For how long, and who says so."""
    if first.asleep_t is not None:
        return round(look.t - first.asleep_t, 6), "sched_switch"
    if first.off_cpu_t is not None and first.off_cpu_t < first.t:
        return round(look.t - first.off_cpu_t, 6), "sched_info.last_arrival"
    return round(look.t - first.t, 6), "two looks"


def _describe(look: TaskState, first: TaskState, chains: Look, t: float) -> BlockedTask:
    blocked_s, by = _slept(look, first)
    blockers = chains.blockers(look)
    waits_for, release = chains.waits_for(look)
    return BlockedTask(
        status="open",
        id=_id(look),
        t=t,
        pid=look.task.pid,
        tid=look.task.tid,
        comm=look.task.comm,
        state=look.state,
        blocked_s=blocked_s,
        age_by=by,
        cgroup=look.cgroup,
        **place_of(look.cgroup, look.names),
        killed=bool(look.killed),
        wait=wait_of(look),
        stack=look.stack,
        waits_for=waits_for,
        release=release,
        blocked_by=blockers.kept,
        blockers_left_out=blockers.left_out,
    )
