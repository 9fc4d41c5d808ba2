"""Who waits for a cache of squashfs, and for whom, as the newest walk over the tasks found it."""

from ktrace.detectors.squashfs import CACHE_GET, Holders
from ktrace.detectors.waits import wait_of
from ktrace.events import Event, TaskDead, TaskState, TaskWait, Walk
from ktrace.findings import SquashfsWaiter

_MOST = 4096  # tasks; a trace may have any number


class Waiters:
    """Feed it all events that it takes in order."""

    takes = frozenset({TaskState, TaskWait, TaskDead, Walk})

    def __init__(self) -> None:
        # of the newest walk; who has slept longest is first
        self.newest: tuple[SquashfsWaiter, ...] = ()
        self.t: float | None = None  # of that walk
        self._seen: dict[int, TaskState] = {}  # since the walk before
        self._waits: dict[int, TaskWait] = {}

    def feed(self, event: Event) -> None:
        match event:
            case TaskState() if len(self._seen) < _MOST:
                self._seen[event.task.tid] = event
            case TaskWait() if len(self._waits) < _MOST:
                self._waits[event.task.tid] = event
            case TaskDead():
                self._seen.pop(event.task.tid, None)
            case Walk():
                self.newest, self.t = self._found(event.t), event.t
                self._seen.clear()
                self._waits.clear()

    def _found(self, t: float) -> tuple[SquashfsWaiter, ...]:
        holders = Holders(self._seen.values(), lambda sample: sample.stack)
        waiters = []
        for sample in self._seen.values():
            wait = wait_of(sample)
            if wait is not None and wait.function == CACHE_GET:
                held_by, why = holders.of(sample, self._waits.get(sample.task.tid))
                waiters.append(_waiter(sample, t, held_by, why))
        return tuple(sorted(waiters, key=lambda waiter: -(waiter.asleep_s or 0.0)))


def _waiter(sample: TaskState, t: float, holders: list[TaskState], why: str) -> SquashfsWaiter:
    since = sample.asleep_t or sample.off_cpu_t
    call = sample.squashfs
    others = [holder for holder in holders if holder is not sample]
    return SquashfsWaiter(
        task=sample.task,
        asleep_s=None if since is None else round(max(0.0, t - since), 6),
        cache=call.name if call else "",
        device=call.device if call else "",
        holders=tuple(holder.task for holder in others),
        why=why if others else "",
        holder_in=_asleep_in(others[0]) if others else "",
    )


def _asleep_in(holder: TaskState) -> str:
    wait = wait_of(holder)
    return wait.function if wait else ""
