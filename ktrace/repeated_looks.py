"""Looks at tasks in which nothing has changed: a walk counts them instead of telling them again.

A thread that is stuck is looked at each second, mostly for hours, in one and the same sleep. The
live source leaves such looks out of its events, and the analysis puts them back, of a live run as
of a trace: its detectors see every look.
"""

from collections.abc import Iterable
from dataclasses import replace

from ktrace.events import Event, TaskDead, TaskState, Walk

_LEARNT = frozenset({TaskState, TaskDead, Walk})
HEARTBEAT_S = 60.0  # a walk tells all looks again, should a record of the trace be damaged or lost


class _Looks:
    """The newest look at each thread that lives, by tid."""

    def __init__(self) -> None:
        self._known: dict[int, TaskState] = {}

    @property
    def known(self) -> dict[int, TaskState]:
        """By tid; not to be changed."""
        return self._known

    def _learn(self, event: Event) -> None:
        match event:
            case TaskState():
                self._known[event.task.tid] = event
            case TaskDead():
                self._known.pop(event.task.tid, None)
            case Walk() if event.complete and event.unchanged is None:  # it has told all
                self._forget(self._before(event))

    def _before(self, walk: Walk) -> list[int]:
        """Who was looked at, but not in this walk."""
        return [tid for tid, look in self._known.items() if look.t < walk.started_t]

    def _forget(self, tids: Iterable[int]) -> None:
        for tid in tids:
            self._known.pop(tid, None)


class LooksLeftOut(_Looks):
    """Of the live source: feed it all events in order, those of a walk to walked()."""

    def __init__(self) -> None:
        super().__init__()
        self._told_t = float("-inf")  # the newest walk that told everything

    def passed(self, events: list[Event]) -> list[Event]:
        """They are told as they are."""
        for event in events:
            self._learn(event)
        return events

    def walked(self, events: list[Event]) -> list[Event]:
        """What is told of a walk, whose Walk is among events: that of what came before it."""
        at = next(at for at, event in enumerate(events) if isinstance(event, Walk))
        walk = events[at]
        assert isinstance(walk, Walk)
        if not walk.complete or walk.t - self._told_t >= HEARTBEAT_S:
            self._told_t = walk.t if walk.complete else self._told_t
            return self.passed(events)
        told: list[Event] = []
        unchanged: set[int] = set()
        for event in events[:at]:
            if isinstance(event, TaskState | TaskDead):
                tid = event.task.tid
                if isinstance(event, TaskState) and self._is_known(event, walk):
                    unchanged.add(tid)
                    continue
                unchanged.discard(tid)
                self._learn(event)
            told.append(event)
        gone = [tid for tid in self._before(walk) if tid not in unchanged]
        self._forget(gone)
        walk = replace(walk, unchanged=len(unchanged), gone=tuple(gone))
        return [*told, walk, *self.passed(events[at + 1 :])]

    def _is_known(self, look: TaskState, walk: Walk) -> bool:
        """A look of this walk that shows what an earlier one has shown."""
        known = self._known.get(look.task.tid)
        return (
            known is not None
            and known.t < walk.started_t <= look.t
            and known.switches == look.switches  # almost always enough to tell
            and replace(known, t=look.t) == look
        )


class LooksPutBack(_Looks):
    """Of the analysis: feed it all events in order."""

    def complete(self, event: Event) -> list[Event]:
        """The event, after the looks that were left out: they count as of the walk's beginning.

        Where they do not come out as many as were left out, records are missing. Then nobody knows
        who has lived and who has not, and the walk counts as one that broke off.
        """
        if type(event) not in _LEARNT:
            return [event]
        if not isinstance(event, Walk) or event.unchanged is None:
            self._learn(event)
            return [event]
        self._forget(event.gone)
        tids = self._before(event)
        if len(tids) != event.unchanged:
            return [replace(event, complete=False, unchanged=None)]
        looks = [replace(self._known[tid], t=event.started_t) for tid in tids]
        return [*looks, event]
