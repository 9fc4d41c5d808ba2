"""All detectors, fed together: what every command and view looks at."""

from collections.abc import Iterable

from ktrace.detectors.alarms import Alarms
from ktrace.detectors.bad_page import BadPages, Sighting
from ktrace.detectors.hung_tasks import HungTasks
from ktrace.detectors.kills import KEPT, Change, Kills
from ktrace.detectors.livelock import SPIN_S, Livelocks
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event, Lost, ProbeChange, Walk
from ktrace.findings import End, Finding, Probe, Session
from ktrace.plural import count
from ktrace.probes.catalog import purpose

# What each command reports and gives its verdict by; others, such as record, do by all.
_BAD_PAGES = ("bad-page", "ram-cell", "page-corruption")
REPORTED = {
    "oom-hang": ("stuck-task",),
    "oom-livelock": ("oom-livelock",),
    "bad-page": _BAD_PAGES,
    "dmesg": (*_BAD_PAGES, "oom-livelock", "hung-task", "alarm"),
}


class Analysis:
    """State of one run, live or replayed: the same events give the same findings."""

    def __init__(
        self, session: Session, bad_pages: Iterable[Sighting] = (), kept: int | None = KEPT
    ) -> None:
        """bad_pages: of earlier boots. kept: how many kills, None: all."""
        self.session = session
        self.probes = {probe.function: probe for probe in session.probes}
        self.kills = Kills(kept)
        self.changes: list[Change] = []  # what the newest event changed in the ledger of kills
        self.stuck = StuckTasks(session.stuck_after, self.kills)
        self.bad_pages = BadPages(bad_pages)
        spin_s = 0.0 if session.command == "dmesg" else SPIN_S
        self.livelock = Livelocks(self.kills, self.stuck, spin_s)
        self.hung = HungTasks()
        self.alarms = Alarms()
        self.uncounted: frozenset[str] = frozenset()  # findings that are shown, and no more
        self.lost: dict[str, int] = {}
        self.events = 0
        self.findings = 0
        self.incomplete_walks = 0
        self.t = session.t

    def feed(self, event: Event) -> list[Finding]:
        """The findings that event leads to, in order."""
        self.events += 1
        self.t = max(self.t, event.t)
        match event:
            case Lost():
                self.lost[event.what] = event.count
            case ProbeChange():
                changed = Probe(event.function, event.hook, event.state, event.why)
                self.probes[event.function] = changed
            case Walk():
                self.incomplete_walks += not event.complete
        self.changes = self.kills.feed(event)
        findings: list[Finding] = [
            *self.stuck.feed(event, self.changes),
            *self.bad_pages.feed(event),
            *self.livelock.feed(event),
            *self.hung.feed(event),
            *self.alarms.feed(event),
        ]
        found = [finding for finding in findings if self._about(finding.finding)]
        self.findings += sum(
            finding.status == "open" and finding.finding not in self.uncounted for finding in found
        )
        return found

    @property
    def oom_calls(self) -> int | None:
        """Calls of out_of_memory(); None where no probe could have counted them."""
        calls = self.livelock.calls
        probe = self.probes.get("out_of_memory")
        return calls if calls or (probe and probe.state == "attached") else None

    @property
    def oom_kills(self) -> int | None:
        """None where no probe could have seen one."""
        kills = self.kills.oom_total
        probes = (self.probes.get(name) for name in ("oom_kill_process", "mark_victim"))
        hooked = any(probe and probe.state == "attached" for probe in probes)
        return kills if kills or hooked else None

    def _about(self, finding: str) -> bool:
        """Is it a finding that the command reports?"""
        return finding in REPORTED.get(self.session.command, (finding,))

    def adopt(self, finding: Finding) -> None:
        """Count a finding that was read from a trace whose events are damaged."""
        self.findings += finding.status == "open"
        self.t = max(self.t, finding.t)

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
        )

    def _doubts(self) -> list[str]:
        """Why finding nothing would not mean that there was nothing."""
        doubts = []
        if self.lost:
            doubts.append(f"{count(sum(self.lost.values()), 'event')} lost")
        if self.incomplete_walks:
            doubts.append(f"{count(self.incomplete_walks, 'walk')} over the tasks broke off")
        if self._about("stuck-task"):
            doubts += self._undecided()
        for probe in self.probes.values():
            if probe.state == "missing" and self._needs(probe):
                doubts.append(f"no probe on {probe.function}")
        if self._about("oom-livelock"):
            doubts += self.livelock.doubts(self.t)
        return doubts

    def _undecided(self) -> list[str]:
        """Of which kills nobody knows whether they got stuck."""
        stuck_after, kills = self.session.stuck_after, self.kills
        early = kills.undecided(self.t, stuck_after)
        return [
            text
            for number, text in (
                (early, f"it ended less than {stuck_after:g} s after {count(early, 'kill')}"),
                (kills.not_followed, f"{count(kills.not_followed, 'kill')} not followed"),
                (kills.threads_left_out, f"{count(kills.threads_left_out, 'thread')} left out"),
            )
            if number
        ]

    def _needs(self, probe: Probe) -> bool:
        verdicts = purpose(probe.function).verdicts
        return self.session.command in verdicts or (
            bool(verdicts) and self.session.command not in REPORTED
        )
