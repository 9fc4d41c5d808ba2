"""Hung tasks, from khungtaskd's reports: each task once, however often it was reported."""

from ktrace.detectors.detector import Detector
from ktrace.detectors.waits import look_beneath
from ktrace.events import Event, HungReport, Stack
from ktrace.findings import Blocker, HungTask, Wait

KEPT = 10_000  # tasks; more are counted, not told


class HungTasks(Detector):
    """One finding for each task of each boot."""

    findings = (HungTask,)

    def __init__(self) -> None:
        self.total = 0
        self._tasks: dict[tuple[str, int, str], HungTask] = {}

    def current(self) -> list[HungTask]:
        """All that are known."""
        return [*self._tasks.values()]

    def feed(self, event: Event) -> list[HungTask]:
        """The finding that a report opens or updates."""
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


def wait_in(stack: Stack) -> Wait | None:
    """khungtaskd looks at TASK_UNINTERRUPTIBLE without TASK_WAKEKILL only (kernel/hung_task.c,
    check_hung_uninterruptible_tasks): SIGKILL wakes none of them."""
    if not stack:
        return None
    function, primitive = look_beneath(stack)
    return Wait(function=function, primitive=primitive or "wait_event", sigkill_wakes=False)


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
