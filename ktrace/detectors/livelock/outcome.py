"""How a livelock ended: who of its callers died, and by whom."""

from typing import Any, ClassVar

from ktrace.detectors.livelock.domain import Domain
from ktrace.events import Event, FatalSignal, TaskDead, Walk
from ktrace.findings import OomEnd, OomLivelock
from ktrace.kernel.signals import EXIT_SIGNAL, SI_KERNEL

_KEPT_S = 60.0
_KEPT = 4096  # deaths, and signals; without one it is said that the calls stopped, not why


class Outcomes:
    """Feed it all events in order."""

    takes: ClassVar[frozenset[type[Event]]] = frozenset({FatalSignal, TaskDead, Walk})

    def __init__(self) -> None:
        self._sent: dict[int, FatalSignal] = {}  # newest, by target's pid
        self._dead: dict[int, TaskDead] = {}  # by tid

    def feed(self, event: Event) -> None:
        match event:
            case FatalSignal():
                _put(self._sent, event.target.pid, event)
            case TaskDead():
                _put(self._dead, event.task.tid, event)
            case Walk():
                old = event.started_t - _KEPT_S
                self._sent = {pid: sent for pid, sent in self._sent.items() if sent.t > old}
                self._dead = {tid: dead for tid, dead in self._dead.items() if dead.t > old}

    def callers_died(self, domain: Domain) -> bool:
        """All that called lately."""
        callers = domain.activity.callers if domain.activity else ()
        last = [self._dead.get(caller.task.tid) for caller in callers]
        return bool(last) and all(dead and dead.t >= domain.first_t for dead in last)

    def of(self, found: OomLivelock, domain: Domain) -> OomEnd:
        """A caller that died about when the calls stopped is why they stopped."""
        lasted = round(domain.last_t - found.since_t, 6)
        for spinner in found.spinning:
            dead = self._dead.get(spinner.tid) or self._dead.get(spinner.pid)
            sent = self._sent.get(spinner.pid)
            if sent and sent.si_code == SI_KERNEL:
                continue  # a victim of the OOM killer
            if dead and dead.t >= domain.last_t - 1.0:
                by = sent.by if sent else None
                return OomEnd("signal", lasted, dead.task, dead.exit_code & EXIT_SIGNAL, by)
        return OomEnd("quiet", lasted)


def _put(known: dict[int, Any], key: int, event: FatalSignal | TaskDead) -> None:
    known.pop(key, None)
    known[key] = event
    if len(known) > _KEPT:
        del known[next(iter(known))]
