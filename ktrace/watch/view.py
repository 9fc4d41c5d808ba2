"""What `ktrace watch` shows: lines or JSON, and beside them systemd's journal and its manager."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.blocked import BlockedTasks
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.view import View
from ktrace.watch.journal import Journal
from ktrace.watch.notify import Notifier

if TYPE_CHECKING:
    from ktrace.watch.metrics import Metrics


class WatchView:
    """Whatever does not take what is told may lose it, and holds nothing up."""

    wake_fd = None

    def __init__(
        self,
        lines: View,
        notifier: Notifier,
        journal: Journal | None = None,
        metrics: "Metrics | None" = None,
    ) -> None:
        """journal: then findings go there, and not to the lines too."""
        self._lines = lines
        self._notifier = notifier
        self._journal = journal
        self._metrics = metrics
        self._ready = False
        self._lost_told = 0
        self.child_output = lines.child_output

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._lines.start(analysis)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if self._metrics is not None and event is not None:
            self._metrics.event(self._analysis, findings)
        if self._journal is None:
            self._lines.event(event, findings)
            return
        for finding in findings:
            self._journal.tell(finding)

    def tick(self, t: float) -> None:
        """The first one comes when all is attached, and privileges are given up."""
        self._lines.tick(t)
        if not self._ready:
            self._ready = True
            self._notifier.ready()
        if self._metrics is not None:
            self._metrics.tick(self._analysis, t)
        self._notifier.alive(t, status(self._analysis))
        if self._journal is not None and self._journal.lost != self._lost_told:
            lost, self._lost_told = self._journal.lost - self._lost_told, self._journal.lost
            self.note(f"the journal did not take {words.count(lost, 'finding')}")

    def note(self, text: str) -> None:
        self._lines.note(text)

    def end(self, end: End) -> None:
        self._notifier.stopping()
        self._lines.end(end)

    def close(self) -> None:
        self._lines.close()
        self._notifier.close()
        if self._journal is not None:
            self._journal.close()
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
