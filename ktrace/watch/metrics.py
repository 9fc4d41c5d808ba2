"""Metrics for Prometheus, of a run that is always on. Only `ktrace watch --metrics` imports it.

What nobody has measured has no sample: a kernel without a probe on out_of_memory() has no number
of its calls, rather than zero.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.blocked import BlockedTasks
from ktrace.detectors.kills import KillOver
from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import BlockedTask, Finding, OomKillFinding, StuckTask
from ktrace.watch.exposition import Port, exposition

# Most killed processes die within a millisecond or two; who needs seconds is what ktrace is for
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
_FUNCTIONS = 200  # label values of their own; the rest counts as "others"
_OTHERS = "others"
# counts of detectors, by their names in an end record
_COUNTS = {
    "kills": ("ktrace_kills", "Processes that were killed by a fatal signal."),
    "oom_calls": ("ktrace_oom_calls", "Calls of out_of_memory()."),
    "bad_pages": ("ktrace_bad_pages", "Bad pages that the kernel has reported."),
}


class Metrics(Collector):
    """Fed by the run; read by the thread that answers Prometheus."""

    def __init__(self, where: str) -> None:
        """where: [ADDRESS:]PORT, or a file. Raises UsageError."""
        self.registry = CollectorRegistry()
        self._findings = Counter(
            "ktrace_findings", "New findings.", ["finding"], registry=self.registry
        )
        self._oom_kills = Counter(
            "ktrace_oom_kills",
            "Kills for want of memory, by whose decision.",
            ["policy"],
            registry=self.registry,
        )
        self._stuck_s = Counter(
            "ktrace_stuck_seconds",
            "Time that killed threads have been stuck, by the function in which they wait.",
            ["function"],
            registry=self.registry,
        )
        self._death_s = Histogram(
            "ktrace_death_seconds",
            "From SIGKILL to the death of the last thread.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._freed_s = Histogram(
            "ktrace_memory_freed_seconds",
            "From SIGKILL until the last user of the memory has released it.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._snapshot: list[Metric] = []
        self.registry.register(self)
        self._functions: set[str] = set()
        self._t: float | None = None
        self._exposition = exposition(where, self.registry)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert isinstance(self._exposition, Port)
        return self._exposition.address

    @property
    def failure(self) -> str:
        """Why they do not get out."""
        return self._exposition.failure

    def close(self) -> None:
        self._exposition.close()

    def collect(self) -> Iterable[Metric]:
        """In the other thread: the newest snapshot, which nobody changes."""
        return self._snapshot

    def event(self, analysis: Analysis, findings: list[Finding]) -> None:
        for change in analysis.changes:
            if isinstance(change, KillOver) and change.kill.exact:
                kill = change.kill
                self._death_s.observe(kill.after_s)
                if kill.released_t is not None:
                    self._freed_s.observe(max(0.0, kill.released_t - kill.t))
        for finding in findings:
            if finding.status == "open":
                self._findings.labels(finding.finding).inc()
                if isinstance(finding, OomKillFinding):
                    self._oom_kills.labels(finding.policy).inc()

    def tick(self, analysis: Analysis, t: float) -> None:
        """The first one comes when privileges are given up: the thread gets none."""
        passed = max(0.0, t - self._t) if self._t is not None else 0.0
        self._t = t
        for finding in analysis.of(StuckTasks).open.values():
            if not finding.slow:
                self._stuck_s.labels(self._function(finding)).inc(passed)
        self._snapshot = list(_snapshot(analysis))
        self._exposition.tick(t)

    def _function(self, finding: StuckTask | BlockedTask) -> str:
        name = finding.wait.function if finding.wait else finding.state
        if name not in self._functions and len(self._functions) >= _FUNCTIONS:
            return _OTHERS
        self._functions.add(name)
        return name


def _snapshot(analysis: Analysis) -> Iterator[Metric]:
    session = analysis.session
    yield InfoMetricFamily(
        "ktrace_build",
        "This ktrace, and the kernel that it watches.",
        {"version": session.ktrace, "kernel": session.kernel, "loader": session.loader},
    )
    if analysis.measured("task"):
        stuck = [found for found in analysis.of(StuckTasks).open.values() if not found.slow]
        yield _gauge("ktrace_stuck_tasks", "Killed threads that do not die.", len(stuck))
        if session.blocked_after is not None:
            blocked = len(analysis.of(BlockedTasks).open)
            yield _gauge("ktrace_blocked_tasks", "Tasks that are blocked in D.", blocked)
    counts = analysis.counts()
    for name, (metric, help_text) in _COUNTS.items():
        number = counts.get(name)
        if number is not None:
            yield CounterMetricFamily(metric, help_text, number)
    lost = CounterMetricFamily("ktrace_lost_events", "Events that were lost.", labels=["what"])
    for what, number in analysis.lost.items():
        lost.add_metric([what], number)
    if not analysis.lost:
        lost.add_metric(["any"], 0)
    yield lost
    missing = sum(probe.state == "missing" for probe in analysis.probes.values())
    yield _gauge("ktrace_missing_probes", "Probes that this kernel has no hook for.", missing)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value)
