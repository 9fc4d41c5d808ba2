"""Where running threads are, that others wait for: samples, as their saved stacks are old ones."""

from ktrace.events import Event, Stack, TaskRuns, TaskState

_RECENT_S = 2.5  # two looks lie a second apart
_KEPT = 256  # threads; the loader samples fewer


class RunningThreads:
    """Feed it all events in order."""

    def __init__(self) -> None:
        self._samples: dict[int, TaskRuns] = {}  # by tid, the newest last

    def feed(self, event: Event) -> None:
        if isinstance(event, TaskRuns):
            self._samples.pop(event.task.tid, None)
            self._samples[event.task.tid] = event
            if len(self._samples) > _KEPT:
                del self._samples[next(iter(self._samples))]

    def of(self, look: TaskState) -> TaskRuns | None:
        """The newest sample of a thread that ran at the look; None where there is none of now."""
        sample = self._samples.get(look.task.tid)
        runs = look.on_cpu or look.state == "running"
        return sample if sample and runs and look.t - sample.t < _RECENT_S else None

    def stack(self, look: TaskState) -> Stack:
        """Where it was last, as far as that is known: the stack of one that is on a CPU is saved
        when it leaves it."""
        sample = self.of(look)
        if sample:
            return sample.stack
        return () if look.on_cpu else (*look.top, *look.stack)

    def stack_now(self, look: TaskState) -> Stack:
        """Where it was at the look itself: who is on no CPU has saved its stack."""
        return self.stack(look) if look.on_cpu else (*look.top, *look.stack)
