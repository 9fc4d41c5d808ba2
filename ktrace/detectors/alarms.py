"""Alarms of a kernel log, those that are alike as one."""

from ktrace.detectors.detector import Detector
from ktrace.events import Alarm, Event, OomReport, OomUnreaped
from ktrace.findings import AlarmFinding

KEPT = 2_000  # of different classes and titles; more are counted, not told


class Alarms(Detector):
    """One finding for each class and title."""

    findings = (AlarmFinding,)
    takes = frozenset({Alarm, OomReport, OomUnreaped})

    def __init__(self) -> None:
        self.total = 0  # of all, alike or not
        self.unkept = 0
        self._known: dict[tuple[str, str], AlarmFinding] = {}
        self._boots: dict[tuple[str, str], str] = {}  # the newest

    def current(self) -> list[AlarmFinding]:
        """All that are known, in the order in which they began."""
        return [*self._known.values()]

    def feed(self, event: Event) -> list[AlarmFinding]:
        """The finding that an alarm opens or updates."""
        if isinstance(event, OomUnreaped):
            event = _unreaped(event)
        if isinstance(event, OomReport) and event.panic:
            event = _panicked(event)
        if not isinstance(event, Alarm):
            return []
        self.total += 1
        key = (event.class_, event.title)
        known = self._known.get(key)
        if known is None and len(self._known) >= KEPT:
            self.unkept += 1
            return []
        another = self._boots.get(key) != event.boot
        self._boots[key] = event.boot
        finding = self._finding(event, known, another)
        self._known[key] = finding
        return [finding]

    def _finding(self, event: Alarm, known: AlarmFinding | None, another: bool) -> AlarmFinding:
        task = event.task
        return AlarmFinding(
            status="update" if known else "open",
            id=known.id if known else f"alarm-{len(self._known) + 1}",
            t=event.t,
            class_=event.class_,
            title=event.title,
            count=known.count + 1 if known else 1,
            boots=(known.boots if known else 0) + another,
            first_t=known.first_t if known else event.t,
            last_t=event.t,
            comm=known.comm if known else task.comm if task else None,
            pid=known.pid if known else task.pid if task else None,
            detail=known.detail if known else event.detail,
            stack=known.stack if known else event.stack,
            unreliable=known.unreliable if known else event.unreliable,
            lines=known.lines if known else event.lines,
            kernel=event.kernel or (known.kernel if known else ""),
            taint=known.taint if known else event.taint,
            modules=known.modules if known else event.modules,
        )


def _unreaped(event: OomUnreaped) -> Alarm:
    """An OOM victim whose memory the reaper could not take."""
    return Alarm(
        t=event.t,
        boot=event.boot,
        kernel=event.kernel,
        class_="oom-unreaped",
        title=f"oom_reaper: unable to reap {event.victim.comm}",
        task=event.victim,
        detail=(),
        stack=event.stack,
        unreliable=False,
        taint="",
        lines=event.lines,
    )


def _panicked(event: OomReport) -> Alarm:
    """A kernel that panicked where it should have killed."""
    return Alarm(
        t=event.t,
        boot=event.boot,
        kernel=event.kernel,
        class_="panic",
        title=f"kernel panic: {event.panic}",
        task=event.by if event.by and event.by.pid else None,
        detail=(),
        stack=(),
        unreliable=False,
        taint="",
        lines=event.lines,
    )
