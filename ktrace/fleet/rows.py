"""What a trace gives to each of the tables."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill, Place
from ktrace.detectors.livelock import Livelocks
from ktrace.detectors.oom_cause import cause_of
from ktrace.detectors.oom_facts import facts_of_kill
from ktrace.events import Event
from ktrace.findings import BadPageFinding, Finding, Session, StuckTask, finding_to_json
from ktrace.record import record
from ktrace.trace.reader import Rest, TraceFile

Row = dict[str, Any]
_ALL = "record"  # judged as this command does, which reports everything


@record
class SessionRows:
    """One session's rows, by table; its id, day and kernel are in each row."""

    session_id: str
    day: str
    kernel: str
    rows: dict[str, list[Row]]


def read_trace(
    path: str, rest: Rest | None = None, progress: Callable[[int], None] = lambda done: None
) -> Iterator[SessionRows]:
    """Each of the file's sessions; of a torn one what is before the cut. progress: see TraceFile.
    Raises UsageError where it is no trace."""
    with TraceFile(path, rest=rest, progress=progress) as trace:
        found = [_Reader(trace.session)]
        for item in trace.records():
            if isinstance(item, Session):
                if item is not trace.session:
                    found.append(_Reader(item))
            else:
                found[-1].take(item)
        torn = bool(trace.damage)
    for reader in found:
        yield reader.rows(torn)


class _Reader:
    """Collects one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._analysis = Analysis(session, kept=None)
        self._first: dict[str, float] = {}  # finding's id -> t
        self._last: dict[str, Finding] = {}
        self._records = 1

    def take(self, item: object) -> None:
        self._records += 1
        if isinstance(item, Event):
            for finding in self._analysis.feed(item):
                self._note(finding)

    def _note(self, finding: Finding) -> None:
        self._first.setdefault(finding.id, finding.t)
        self._last[finding.id] = finding

    def rows(self, torn: bool) -> SessionRows:
        session, analysis = self.session, self._analysis
        for finding in analysis.current():
            self._note(finding)
        analysis.kills.finish(analysis.t)
        began = _moment(session.wall)
        day = began.date().isoformat() if began else "unknown"
        common = {"day": day, "kernel": session.kernel, "host": session.host}
        common["session_id"] = session_id(session)
        findings = list(self._last.values())
        stuck = [finding for finding in findings if isinstance(finding, StuckTask)]
        pages = [finding for finding in findings if isinstance(finding, BadPageFinding)]
        rows: dict[str, list[Row]] = {
            "sessions": [self._session(began, torn)],
            "kills": [self._kill(kill) for kill in analysis.kills.kills if kill.seen],
            "stuck": [_stuck(finding, session.t) for finding in stuck if not finding.slow],
            "findings": [self._finding(finding) for finding in findings],
            "bad_pages": [row for page in pages for row in _bad_page(page, session.t)],
        }
        for table in rows.values():
            for row in table:
                row.update(common)
        return SessionRows(common["session_id"], day, session.kernel, rows)

    def _session(self, began: datetime | None, torn: bool) -> Row:
        session, analysis = self.session, self._analysis
        end = analysis.end()
        verdict = "inconclusive" if torn and end.verdict == "clean" else end.verdict
        calls = analysis.of(Livelocks).calls
        return {
            "boot_id": session.boot_id,
            "machine": session.machine,
            "command": session.command,
            "ktrace": session.ktrace,
            "began": began,
            "watched_s": max(0.0, analysis.t - session.t),
            "verdict": verdict,
            "why": end.why,
            "lost": end.lost,
            "torn": torn,
            "records": self._records,
            "oom_calls": calls if analysis.measured("out_of_memory") else None,
        }

    def _kill(self, kill: Kill) -> Row:
        place = kill.place or Place("", "")
        facts = facts_of_kill(kill) if kill.oom else None
        freed = kill.released_t is not None and kill.t_known
        return {
            "t": kill.t - self.session.t,
            "pid": kill.pid,
            "comm": kill.comm,
            "by": kill.by,
            "sender": kill.sender.comm if kill.sender else None,
            "cause": cause_of(facts) if facts else None,
            "after_s": kill.after_s,
            "dead": kill.died_t is not None,
            "stuck": kill.after_s >= self.session.stuck_after,
            "function": place.function or None,
            "primitive": place.primitive or None,
            "memory_freed_s": (kill.released_t or 0.0) - kill.t if freed else None,
        }

    def _finding(self, finding: Finding) -> Row:
        return {
            "id": finding.id,
            "finding": finding.finding,
            "signature": finding.signature,
            "first_t": self._first[finding.id] - self.session.t,
            "status": finding.status,
            "json": json.dumps(finding_to_json(finding), separators=(",", ":")),
        }


def session_id(session: Session) -> str:
    """The same for the same session, in whatever file it is."""
    key = f"{session.boot_id}\n{session.t:.6f}\n{session.host}\n{session.command}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:20]


def _stuck(finding: StuckTask, start: float) -> Row:
    wait, waits_for = finding.wait, finding.waits_for
    return {
        "id": finding.id,
        "t": finding.t - start,
        "pid": finding.pid,
        "tid": finding.tid,
        "comm": finding.comm,
        "signature": finding.signature,
        "function": wait.function if wait else None,
        "primitive": wait.primitive if wait else None,
        "state": finding.state,
        "stuck_s": finding.stuck_s,
        "dead": finding.outcome is not None,
        "killed_by": finding.killed.by,
        "waits_for": waits_for.kind if waits_for else None,
        "object": waits_for.detail if waits_for else None,
        "cgroup": finding.cgroup,
    }


def _bad_page(finding: BadPageFinding, start: float) -> Iterator[Row]:
    """One for each thing that is wrong with it."""
    for trigger in finding.triggered or (None,):
        yield {
            "t": finding.t - start,
            "pfn": finding.pfn,
            "page": finding.page_phys,
            "what": trigger.what if trigger else None,
            "bits": trigger.bits if trigger else None,
            "reason": finding.reason,
            "signature": finding.signature,
        }


def _moment(wall: str) -> datetime | None:
    """None where it is no time."""
    try:
        found = datetime.fromisoformat(wall)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
