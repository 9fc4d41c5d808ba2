"""Hung tasks, from khungtaskd's reports: each task once, however often it was reported."""

from dataclasses import replace
from functools import lru_cache

from ktrace.detectors.detector import Detector
from ktrace.detectors.lock_holders import LOCKS, LockHolders
from ktrace.detectors.waits import look_beneath
from ktrace.events import Event, HeldLocks, HungReport, Stack, Task, TaskDump
from ktrace.findings import Blocker, HungTask, Wait
from ktrace.plural import count

KEPT = 10_000  # tasks; more are counted, not told
_CHAIN_MAX = 16  # tasks that wait for one another


class HungTasks(Detector):
    """One finding for each task of each boot."""

    findings = (HungTask,)
    takes = frozenset({HeldLocks, HungReport, TaskDump})

    def __init__(self) -> None:
        self.total = 0
        self._tasks: dict[tuple[str, int, str], HungTask] = {}
        self._pids: dict[tuple[str, int], HungTask] = {}
        self._holders = LockHolders()
        self._shown = 0  # tasks in D that SysRq has shown

    def doubts(self, t: float) -> list[str]:
        """A dump does not tell for how long a task has been where it is."""
        if not self._shown:
            return []
        return [f"SysRq has shown {count(self._shown, 'blocked task')}, and not for how long"]

    def current(self) -> list[HungTask]:
        """All that are known, with what blocks each."""
        self._pids = {(task.boot, task.pid): task for task in self._tasks.values()}
        return [self._with_blockers(task) for task in self._tasks.values()]

    def _with_blockers(self, task: HungTask) -> HungTask:
        blockers = self._blockers(task, (task.pid,))
        return task if blockers == task.blocked_by else replace(task, blocked_by=blockers)

    def feed(self, event: Event) -> list[HungTask]:
        """The finding that a report opens or updates."""
        match event:
            case HeldLocks():
                self._holders.add(event)
            case TaskDump(state="R"):
                self._holders.add_running(event)
            case TaskDump(state="D"):
                self._shown += 1
        if not isinstance(event, HungReport):
            return []
        key = (event.boot, event.task.pid, event.task.comm)
        known = self._tasks.get(key)
        if known is None:
            self.total += 1
            if len(self._tasks) >= KEPT:
                return []
        finding = _finding(event, known, f"hung-task-{self.total}")
        self._tasks[key] = finding
        return [finding]

    def _blockers(self, task: HungTask, chain: tuple[int, ...]) -> tuple[Blocker, ...]:
        """Whom the report names, else who holds the lock by lockdep; to the end of the chain."""
        if task.blocked_by:
            return tuple(self._followed(blocker, task.boot, chain) for blocker in task.blocked_by)
        if task.wait is None or task.wait.primitive not in LOCKS:
            return ()
        return tuple(
            self._followed(_blocker(holder, why, evidence), task.boot, chain)
            for holder, why, evidence in self._holders.of(task.boot, task.pid)
        )

    def _followed(self, blocker: Blocker, boot: str, chain: tuple[int, ...]) -> Blocker:
        """With its own state and what blocks it."""
        if blocker.pid in chain:
            return replace(blocker, cycle_to=blocker.pid)
        hung = self._pids.get((boot, blocker.pid))
        if hung is not None:
            more = len(chain) < _CHAIN_MAX
            return replace(
                blocker,
                state="uninterruptible",
                function=blocker.function or (hung.wait.function if hung.wait else None),
                blocked_by=self._blockers(hung, (*chain, blocker.pid)) if more else (),
            )
        running = self._holders.running_in(boot, blocker.pid)
        return replace(blocker, state="running", function=running) if running else blocker


def _finding(event: HungReport, known: HungTask | None, new_id: str) -> HungTask:
    longest = max((known.seconds or 0) if known else 0, event.blocked_s or 0)
    stack = event.stack or (known.stack if known else ())
    return HungTask(
        status="update" if known else "open",
        id=known.id if known else new_id,
        t=event.t,
        boot=event.boot,
        kernel=event.kernel or (known.kernel if known else ""),
        pid=event.task.pid,
        tid=event.task.tid,
        comm=event.task.comm,
        seconds=longest or None,
        how=event.how,
        reports=known.reports + 1 if known else 1,
        first_t=known.first_t if known else event.t,
        wait=wait_in(stack),
        stack=stack,
        unreliable=event.unreliable if event.stack or not known else known.unreliable,
        blocked_by=_owner(event) or (known.blocked_by if known else ()),
        lines=known.lines if known else event.lines,
    )


@lru_cache(maxsize=1 << 10)
def wait_in(stack: Stack) -> Wait | None:
    """khungtaskd looks at TASK_UNINTERRUPTIBLE without TASK_WAKEKILL only (kernel/hung_task.c,
    check_hung_uninterruptible_tasks): SIGKILL wakes none of them."""
    if not stack:
        return None
    function, primitive = look_beneath(stack)
    return Wait(function=function, primitive=primitive or "wait_event", sigkill_wakes=False)


def _blocker(task: Task, why: str, evidence: str) -> Blocker:
    return Blocker(
        pid=task.pid,
        tid=task.tid,
        comm=task.comm,
        state="",
        function=None,
        why=why,
        evidence=(evidence,),
    )


def _owner(event: HungReport) -> tuple[Blocker, ...]:
    if event.owner is None:
        return ()
    wait = wait_in(event.owner_stack)
    return (
        Blocker(
            pid=event.owner.pid,
            tid=event.owner.tid,
            comm=event.owner.comm,
            state="",
            function=wait.function if wait else None,
            why=f"likely holds the {event.lock}",
        ),
    )
