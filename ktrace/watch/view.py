"""What `ktrace watch` shows: lines or JSON, and what tells other programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.blocked import BlockedTasks
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.view import View
from ktrace.watch.notify import Notifier

if TYPE_CHECKING:
    from ktrace.watch.metrics import Metrics


class Sink(Protocol):
    """Takes findings to another program; lost: those that it did not take."""

    name: str

    @property
    def lost(self) -> int: ...

    def tell(self, finding: Finding) -> None: ...

    def close(self) -> None: ...


class WatchView:
    """Whatever does not take what is told may lose it, and holds nothing up."""

    wake_fd = None

    def __init__(
        self,
        lines: View,
        notifier: Notifier,
        sinks: Sequence[Sink] = (),
        metrics: "Metrics | None" = None,
        *,
        shows_findings: bool = True,
    ) -> None:
        """shows_findings: as lines, too."""
        self._lines = lines
        self._notifier = notifier
        self._sinks = sinks
        self._shows_findings = shows_findings
        self._metrics = metrics
        self._ready = False
        self._lost_told = [0] * len(sinks)
        self._failure_told = ""
        self.child_output = lines.child_output

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._lines.start(analysis)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if self._metrics is not None and event is not None:
            self._metrics.event(self._analysis, findings)
        if self._shows_findings:
            self._lines.event(event, findings)
        for sink in self._sinks:
            for finding in findings:
                sink.tell(finding)

    def tick(self, t: float) -> None:
        """The first one comes when all is attached, and privileges are given up."""
        self._lines.tick(t)
        if not self._ready:
            self._ready = True
            self._notifier.ready()
        if self._metrics is not None:
            self._metrics.tick(self._analysis, t)
            self._tell_failure(self._metrics.failure)
        self._notifier.alive(t, status(self._analysis))
        self._tell_lost()

    def _tell_failure(self, failure: str) -> None:
        if failure != self._failure_told:
            self._failure_told = failure
            self.note(f"metrics fail: {failure}")

    def note(self, text: str) -> None:
        self._lines.note(text)

    def _tell_lost(self) -> None:
        for number, sink in enumerate(self._sinks):
            lost, self._lost_told[number] = sink.lost - self._lost_told[number], sink.lost
            if lost:
                self.note(f"{sink.name} did not take {words.count(lost, 'finding')}")

    def end(self, end: End) -> None:
        self._notifier.stopping()
        for sink in self._sinks:
            sink.close()
        self._tell_lost()
        self._lines.end(end)

    def close(self) -> None:
        self._lines.close()
        self._notifier.close()
        for sink in self._sinks:
            sink.close()
        if self._metrics is not None:
            self._metrics.close()


def status(analysis: Analysis) -> str:
    """ "2 tasks stuck, 1 blocked; since the start 5 findings, lost 0"."""
    stuck = words.count(len(analysis.of(StuckTasks).open), "task")
    blocked = ""
    if analysis.session.blocked_after is not None:
        blocked = f", {len(analysis.of(BlockedTasks).open)} blocked"
    found = words.count(analysis.findings, "finding")
    return f"{stuck} stuck{blocked}; since the start {found}, lost {sum(analysis.lost.values())}"
