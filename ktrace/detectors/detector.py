"""What a detector is, and what it may know of the run that it looks at."""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Self, TypeVar

from ktrace.detectors.kills import Kills
from ktrace.events import Event
from ktrace.findings import Finding, Session
from ktrace.task_filter import NO_FILTER


class Count(NamedTuple):
    """probes: without one of them, counting nothing means nothing."""

    number: int
    probes: tuple[str, ...]


class Detector:
    """Finds one problem. It sees events and their times, and nothing else."""

    findings: ClassVar[tuple[type[Finding], ...]]
    # kinds of events that it needs; None: all. What changes the ledger of kills comes in any case.
    takes: ClassVar[frozenset[type[Event]] | None] = None

    @classmethod
    def of_run(cls, run: "Run") -> Self:
        """A new one, for that run."""
        return cls()

    def feed(self, event: Event) -> Iterable[Finding]:
        """The findings that event leads to. All that it takes come, in order."""
        raise NotImplementedError

    def doubts(self, t: float) -> Iterable[str]:
        """Why finding nothing until t, when tracing ended, does not mean that nothing was."""
        return ()

    def counts(self) -> dict[str, Count]:
        """What it has counted, by name: also what it watched without finding anything."""
        return {}

    def current(self) -> Iterable[Finding]:
        """Those of its findings that sum up all events, as they are now."""
        return ()

    def carried(self) -> Iterable[Event]:
        """Events that tell a later run what is still true then, after a reboot, too."""
        return ()


_D = TypeVar("_D", bound=Detector)


class Run:
    """The session, the ledger of kills (fed before any detector), and the detectors."""

    def __init__(self, session: Session, kills: Kills) -> None:
        self.session = session
        self.kills = kills
        self.filter = session.filter or NO_FILTER
        self.detectors: dict[type[Detector], Detector] = {}  # in the order in which they are fed
        self._takers: dict[type[Event], list[Detector]] = {}

    def of(self, kind: type[_D]) -> _D:
        """The run's detector of that kind. One that of_run() asks for is fed before its own."""
        known = self.detectors.get(kind)
        if known is None:
            known = kind.of_run(self)
            self.detectors[kind] = known
            self._takers.clear()
        assert isinstance(known, kind)
        return known

    def takers(self, kind: type[Event]) -> list[Detector]:
        """Those that take events of that kind, in order."""
        known = self._takers.get(kind)
        if known is None:
            detectors = self.detectors.values()
            known = [each for each in detectors if each.takes is None or kind in each.takes]
            self._takers[kind] = known
        return known
