"""The ledger of kills and all detectors, fed together: what every command and view looks at."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from ktrace.detectors.detector import Detector, Run
from ktrace.detectors.kills import KEPT, Change, Kill, Kills
from ktrace.events import Event, Lost, ProbeChange, Stack, Walk
from ktrace.findings import End, Finding, Probe, Session
from ktrace.plural import count
from ktrace.problems import Problem, live_problems, problem_of, reported
from ktrace.repeated_looks import LooksPutBack

_ASIDE_KEPT = 100
_STACKS_KEPT = 200
_LOST_KEPT = 64  # names; ktrace itself has fewer
_OTHERS = "others"
_NOTED = frozenset({Lost, ProbeChange, Walk})

_D = TypeVar("_D", bound=Detector)


class Analysis:
    """State of one run, live or replayed: the same events give the same findings."""

    def __init__(
        self, session: Session, earlier: Iterable[Event] = (), kept: int | None = KEPT
    ) -> None:
        """earlier: what runs before this one tell it, see carried(). kept: how many kills, None:
        all."""
        self.session = session
        self.reported = tuple(
            problem
            for problem in reported(session.command, session.also)
            if not problem.on_request
            or session.command == problem.name
            or session.blocked_after is not None
        )
        self.probes = {probe.function: probe for probe in session.probes}
        self.kills = Kills(kept)
        self.uncounted: frozenset[str] = frozenset()  # findings that are shown, and no more
        self.lost: dict[str, int] = {}
        self.events = 0
        self.found: Counter[str] = Counter()  # findings, by the name of their problem
        # what the command does not report, by id: the newest, and before it was resolved
        self.aside: dict[str, list[Finding]] = {}
        # the first finding of each name and stack, of a trace or live: known bugs are known by them
        self.stacks: dict[tuple[str, Stack], Finding] = {}
        self.incomplete_walks = 0
        self.changes: list[Change] = []  # in the ledger of kills, by the newest event
        self.t = session.t
        self.recorded: int | None = (
            None  # bytes of the trace that are in its file; None: none is written
        )
        self._looks = LooksPutBack()
        self._run = Run(session, self.kills)
        self._names = frozenset(name for problem in self.reported for name in problem.findings)
        for problem in (*self.reported, *live_problems()):
            if not problem.hot or problem in self.reported:
                self._run.of(problem.detector_type())
        for event in earlier:
            for detector in self._run.detectors.values():
                list(detector.feed(event))

    def of(self, kind: type[_D]) -> _D:
        """The detector of that kind."""
        return self._run.of(kind)

    def feed(self, event: Event) -> list[Finding]:
        """The findings that event leads to and the command reports, in order."""
        self.events += 1
        self.changes = []
        events = self._looks.complete(event)
        if len(events) == 1:
            return self._feed(events[0])
        return [found for each in events for found in self._feed(each)]

    def _feed(self, event: Event) -> list[Finding]:
        if event.t > self.t:
            self.t = event.t
        if type(event) in _NOTED:
            self._note(event)
        detectors: Iterable[Detector] = self._run.takers(type(event))
        if changes := self.kills.feed(event):
            self.changes += [change for change in changes if self._asked_for(change.kill)]
            detectors = self._run.detectors.values()
        found = []
        for detector in detectors:
            for finding in detector.feed(event):
                self._keep_stack(finding)
                if finding.finding in self._names:
                    found.append(finding)
                else:
                    self._put_aside(finding)
        for finding in found:
            self._count(finding)
        return found

    def _note(self, event: Event) -> None:
        match event:
            case Lost():
                self._lose(event)
            case ProbeChange():
                changed = Probe(event.function, event.hook, event.state, event.why)
                self.probes[event.function] = changed
            case Walk():
                self.incomplete_walks += not event.complete

    @property
    def oom_kills(self) -> list[Kill]:
        """The newest of the OOM killer, of tasks that are shown."""
        return [kill for kill in self.kills.oom if self._asked_for(kill)]

    @property
    def findings(self) -> int:
        """How many were found, of what the command reports."""
        return self.found.total()

    def measured(self, *any_of: str) -> bool:
        """Is there a probe on one of these? Else counting nothing means nothing."""
        return any(self._state(function) == "attached" for function in any_of)

    def watched(self, problem: Problem) -> bool:
        """Are all probes there that finding nothing needs? A kernel log needs none."""
        missing = any(self._state(function) == "missing" for function in problem.probes)
        return self.session.from_log or (self.measured(*problem.probes) and not missing)

    def counts(self) -> dict[str, int | None]:
        """What the detectors have counted, by name; None for a zero that nobody has measured."""
        in_log = {problem.detector_type() for problem in self.reported if self.session.from_log}
        found: dict[str, int | None] = {}
        for kind, detector in self._run.detectors.items():
            for name, (number, probes) in detector.counts().items():
                known = number or kind in in_log or self.measured(*probes)
                found[name] = number if known else found.get(name)
        return found

    def adopt(self, finding: Finding) -> None:
        """Count a finding that was read from a trace whose events are damaged."""
        self._count(finding)
        self._keep_stack(finding)
        self.t = max(self.t, finding.t)

    def current(self) -> list[Finding]:
        """Findings that sum up all events, as they are now."""
        return [
            finding
            for problem in self.reported
            for finding in self.of(problem.detector_type()).current()
        ]

    def carried(self) -> list[Event]:
        """Events that tell a later run what is still true then."""
        return [event for detector in self._run.detectors.values() for event in detector.carried()]

    def end(self) -> End:
        """The verdict of what has been fed so far."""
        reasons = self._doubts()
        verdict = "found" if self.findings else "inconclusive" if reasons else "clean"
        return End(
            t=self.t,
            lost=sum(self.lost.values()),
            lost_by=dict(self.lost),
            findings=self.findings,
            verdict=verdict,
            why="; ".join(reasons),
            found={
                problem.name: self.found[problem.name] or (0 if self.watched(problem) else None)
                for problem in self.reported
            },
            counts=self.counts(),
        )

    def _asked_for(self, kill: Kill) -> bool:
        cgroup = kill.choice.cgroup if kill.choice else None
        return self._run.filter.fits(kill.pid, kill.comm, cgroup)

    def _state(self, function: str) -> str:
        probe = self.probes.get(function)
        return probe.state if probe else ""

    def _lose(self, event: Lost) -> None:
        """A trace may name anything as lost: of very many names only the sum is kept."""
        if event.what in self.lost or len(self.lost) < _LOST_KEPT:
            self.lost[event.what] = event.count
        else:
            self.lost[_OTHERS] = self.lost.get(_OTHERS, 0) + event.count

    def _count(self, finding: Finding) -> None:
        problem = problem_of(finding.finding)
        counts = finding.status == "open" and finding.finding not in self.uncounted
        if problem in self.reported and counts:
            self.found[problem.name] += 1

    def _keep_stack(self, finding: Finding) -> None:
        stack: Stack = getattr(finding, "stack", ())
        if stack and not self.session.from_log and len(self.stacks) < _STACKS_KEPT:
            self.stacks.setdefault((finding.finding, stack), finding)

    def _put_aside(self, finding: Finding) -> None:
        versions = self.aside.setdefault(finding.id, [])
        versions.append(finding)
        del versions[:-2]
        if len(self.aside) > _ASIDE_KEPT:
            del self.aside[next(iter(self.aside))]

    def _doubts(self) -> list[str]:
        """Why finding nothing would not mean that there was nothing."""
        doubts = []
        if self.session.rest_from:
            doubts.append("the beginning of the trace is in another file")
        if self.lost:
            doubts.append(f"{count(sum(self.lost.values()), 'event')} lost")
        if self.incomplete_walks:
            doubts.append(f"{count(self.incomplete_walks, 'walk')} over the tasks broke off")
        needed = {function for problem in self.reported for function in problem.probes}
        for probe in self.probes.values():
            if probe.state == "missing" and probe.function in needed:
                doubts.append(f"no probe on {probe.function}")
        for problem in self.reported:
            if not self.watched(problem) and not any(map(self._state, problem.probes)):
                doubts.append(f"{problem.name}: none of its probes is in the trace")
            doubts += self._doubts_of(problem)
        return doubts

    def _doubts_of(self, problem: Problem) -> Iterable[str]:
        return self.of(problem.detector_type()).doubts(self.t)
