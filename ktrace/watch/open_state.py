"""What is still open at a point of a run: events that tell it to a reader who begins there.

Killed processes that live, the newest look at each task that walks still count, what these tasks
wait for, domains that run out of memory, bad pages of before the run.
"""

from ktrace.detectors.kills import KillOver, Kills
from ktrace.events import (
    EarlierBadPage,
    Event,
    FatalSignal,
    OomActivity,
    OomDomain,
    OomKill,
    OomVictim,
    TaskDead,
    TaskExit,
    TaskWait,
)
from ktrace.repeated_looks import LooksPutBack

_OF_A_KILL = 32  # events that are kept: those that began it, and the newest
_FIRST = 8
_KILLS = 1000
_OTHERS = 256  # domains, and bad pages
_QUIET_S = 60.0  # a domain that was quiet for so long is none any more


class OpenState:
    """Feed it all events in order."""

    def __init__(self) -> None:
        self._looks = LooksPutBack()
        self._kills = Kills()
        self._of_kills: dict[int, list[Event]] = {}  # by pid
        self._waits: dict[int, TaskWait] = {}  # by tid
        self._domains: dict[tuple[str, str], OomActivity | OomDomain] = {}
        self._pages: list[EarlierBadPage] = []
        self._t = 0.0

    def feed(self, event: Event) -> None:
        self._t = max(self._t, event.t)
        for each in self._looks.complete(event):
            for change in self._kills.feed(each):
                if isinstance(change, KillOver):
                    self._of_kills.pop(change.kill.pid, None)
        pid = _killed_pid(event)
        if pid is not None:
            self._keep(pid, event)
        match event:
            case TaskWait():
                self._waits[event.task.tid] = event
                if len(self._waits) > len(self._looks.known) + _OTHERS:
                    self._forget_waits()
            case OomActivity():
                self._know((event.call, event.memcg or ""), event)
            case OomDomain():
                self._know(("look", event.memcg or ""), event)
            case EarlierBadPage() if len(self._pages) < _OTHERS:
                self._pages.append(event)

    def events(self) -> list[Event]:
        """In an order in which a run could have told them."""
        self._forget_waits()
        domains = [event for event in self._domains.values() if self._t - event.t <= _QUIET_S]
        kills = [event for events in self._of_kills.values() for event in events]
        looks = self._looks.known.values()
        found = [*kills, *looks, *self._waits.values(), *domains]
        return [*self._pages, *sorted(found, key=lambda event: event.t)]

    def _keep(self, pid: int, event: Event) -> None:
        if not any(kill.pid == pid for kill in self._kills.open):
            return
        events = self._of_kills.setdefault(pid, [])
        events.append(event)
        if len(events) > _OF_A_KILL:
            del events[_FIRST]
        if len(self._of_kills) > _KILLS:
            del self._of_kills[next(iter(self._of_kills))]

    def _know(self, key: tuple[str, str], event: OomActivity | OomDomain) -> None:
        self._domains.pop(key, None)
        self._domains[key] = event
        if len(self._domains) > _OTHERS:
            del self._domains[next(iter(self._domains))]

    def _forget_waits(self) -> None:
        """Of tasks that nobody looks at any more."""
        known = self._looks.known
        self._waits = {
            tid: wait
            for tid, wait in self._waits.items()
            if (look := known.get(tid))
            and (look.start_t, look.switches) == (wait.start_t, wait.switches)
        }


def _killed_pid(event: Event) -> int | None:
    """Of the process whose kill it tells of."""
    match event:
        case FatalSignal():
            return event.target.pid
        case OomKill():
            return event.victim.pid
        case OomVictim():
            return event.pid or event.tid
        case TaskExit() | TaskDead():
            return event.task.pid
    return None
