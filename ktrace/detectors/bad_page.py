"""Bad pages: is it the kernel, or one bad cell of RAM? Each page as it comes, and the verdicts."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ktrace.detectors.bad_page_sighting import (
    Sighting,
    earlier_event,
    earlier_sighting,
    sighting_of,
)
from ktrace.detectors.detector import Count, Detector
from ktrace.detectors.page_corruption import Unexplained
from ktrace.detectors.ram_cells import RamCells
from ktrace.events import BadPage, EarlierBadPage, Event, MemoryFault
from ktrace.findings import BadPageFinding, PageCorruption, RamCell

__all__ = ["KEPT", "SHOWN", "BadPages", "Sighting", "earlier_event", "sighting_of"]

SHOWN = 100  # findings that views may look back at
KEPT = 500  # sightings; more of them change no verdict
_EACH = 20  # events up to which each is told as an update; then every tenth part more
_STEP = 1.1

Verdict = RamCell | PageCorruption


class BadPages(Detector):
    """Feed it all events in order. history: sightings of earlier boots, from a state file."""

    findings = (BadPageFinding, RamCell, PageCorruption)
    takes = frozenset({BadPage, EarlierBadPage, MemoryFault})

    def __init__(self, history: Iterable[Sighting] = ()) -> None:
        self.sightings: list[Sighting] = []
        self.total = 0
        self.faults = 0
        self.recent: deque[BadPageFinding] = deque(maxlen=SHOWN)
        self._known: set[tuple[object, ...]] = set()
        self._cells = RamCells()
        self._unexplained = Unexplained()
        self._told: dict[str, Verdict] = {}
        self._next = 0  # of the unkept, how many make the next update
        for sighting in list(history)[-KEPT // 2 :]:
            self._remember(sighting)

    def feed(self, event: Event) -> list[BadPageFinding | RamCell | PageCorruption]:
        """The bad page, and the verdicts that it makes or changes."""
        if isinstance(event, EarlierBadPage) and self._has_room():
            self._remember(earlier_sighting(event))
        if isinstance(event, MemoryFault):
            self._add_fault(event)
            return [*self._changes(event.t)]
        if not isinstance(event, BadPage):
            return []
        self.total += 1
        found = _finding(event, self.total)
        self.recent.append(found)
        news = self._remember(sighting_of(event)) if self._has_room() else self._count()
        if not news and self._told:
            return [found]  # what was said holds
        return [found, *self._changes(event.t)]

    def counts(self) -> dict[str, Count]:
        return {"bad_pages": Count(self.total, ("bad_page",))}

    def carried(self) -> list[Event]:
        return [earlier_event(sighting, sighting.t) for sighting in self.sightings[-KEPT // 2 :]]

    def current(self) -> tuple[RamCell | PageCorruption, ...]:
        """The verdicts that were told, as they are now."""
        t = max((verdict.t for verdict in self._told.values()), default=0.0)
        return tuple(now for name, now in self._now(t).items() if name in self._told)

    def _now(self, t: float) -> dict[str, Verdict]:
        found: dict[str, Verdict] = {**self._cells.verdicts}
        rest = self._unexplained.verdict(t)
        if rest is not None:
            found[rest.id] = rest
        return found

    def _has_room(self) -> bool:
        return len(self.sightings) < KEPT

    def _remember(self, sighting: Sighting) -> bool:
        """False when it is known already."""
        if sighting.key in self._known:
            return False
        self._known.add(sighting.key)
        self.sightings.append(sighting)
        self._unexplained.add(sighting)
        self._explain(self._cells.add(sighting))
        return True

    def _count(self) -> bool:
        """One more, of which nothing is kept. Whether so many are worth an update."""
        self._unexplained.events += 1
        if self._unexplained.events < self._next:
            return False
        self._next = int(self._unexplained.events * _STEP)
        return True

    def _add_fault(self, fault: MemoryFault) -> None:
        self.faults += 1
        self._unexplained.add_fault(fault)
        self._explain(self._cells.add_fault(fault))

    def _explain(self, sightings: list[Sighting]) -> None:
        """A cell explains them now."""
        for sighting in sightings:
            self._unexplained.add(sighting, -1)

    def _changes(self, t: float) -> list[RamCell | PageCorruption]:
        """Verdicts that are new, say more, or no longer hold."""
        found = self._now(t)
        changed: list[RamCell | PageCorruption] = []
        for gone in self._told.keys() - found.keys():
            changed.append(replace(self._told.pop(gone), status="resolved", t=t))
        for name, verdict in found.items():
            before = self._told.get(name)
            if before is None or _says_more(before, verdict):
                self._told[name] = replace(verdict, status="update" if before else "open")
                changed.append(self._told[name])
        return changed


def _says_more(before: Verdict, now: Verdict) -> bool:
    """Of many reports that change nothing but the count not each is told."""
    if now.events > before.events and (now.events <= _EACH or now.events >= _STEP * before.events):
        return True
    return _gist(before) != _gist(now)


def _gist(verdict: Verdict) -> tuple[object, ...]:
    cause = verdict.cause if isinstance(verdict, PageCorruption) else ""
    signs = frozenset(sign.code for sign in verdict.signs)
    return cause, verdict.confidence, min(verdict.boots, 3), signs


def _finding(event: BadPage, number: int) -> BadPageFinding:
    return BadPageFinding(
        status="open",
        id=f"bad-page-{number}",
        t=event.t,
        boot=event.boot,
        kernel=event.kernel,
        pid=event.by.pid,
        tid=event.by.tid,
        comm=event.by.comm,
        pfn=event.pfn,
        page=event.page,
        page_phys=event.page_phys,
        flags=event.flags,
        flag_names=event.flag_names,
        fields=event.fields,
        refcount=event.refcount,
        mapcount=event.mapcount,
        mapping=event.mapping,
        memcg=event.memcg,
        triggered=event.triggered,
        path=event.path,
        reason=event.reason,
        stack=event.stack,
        unreliable=event.unreliable,
        lines=event.lines,
    )
