"""Trace events in JSON, for ui.perfetto.dev, trace_processor and chrome://tracing.

The format is the "Trace Event Format" of Chromium's tracing: times in microseconds, "X" a slice,
"i" an instant, "C" a counter, "s" and "f" the ends of a flow, "M" a name. Perfetto's protobuf would
say no more of this and takes a library.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ktrace.detectors.kills import Kill
from ktrace.events import Task
from ktrace.findings import BlockedTask, Finding, OomLivelock, StuckTask
from ktrace.views import words
from ktrace.views.finding_text import finding_line
from ktrace.views.formats.document import Chapter
from ktrace.views.formats.stuck_time import StuckTime, stuck_times
from ktrace.views.kill_timeline import describe, outcome
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines

_PID_MAX = 4 * 1024 * 1024  # PID_MAX_LIMIT, include/linux/threads.h: tids above are no task's
_GAP_S = 1.0  # between two runs, whose clocks have nothing in common

Record = dict[str, Any]


def lines(chapters: list[Chapter]) -> Iterable[str]:
    yield '{"displayTimeUnit":"ms","traceEvents":['
    before = ""
    at = 0.0
    for number, chapter in enumerate(chapters):
        run = _Run(chapter, number, at)
        for record in run.records():
            yield before + json.dumps(record, separators=(",", ":"))
            before = ","
        at += chapter.analysis.t - chapter.analysis.session.t + _GAP_S
    yield '],"otherData":' + json.dumps({"runs": [_about(chapter) for chapter in chapters]}) + "}"


def _about(chapter: Chapter) -> Record:
    session, end = chapter.analysis.session, chapter.result
    return {
        "file": safe(chapter.file),
        "command": safe(session.command),
        "kernel": safe(session.kernel),
        "boot": safe(session.boot_id),
        "wall": safe(session.wall),
        "verdict": end.verdict if end else None,
        "why": safe(end.why) if end else None,
        "lost": end.lost if end else None,
    }


class _Run:
    """The events of one run. The ids of different runs are kept apart."""

    def __init__(self, chapter: Chapter, number: int, at: float) -> None:
        self._chapter = chapter
        self._analysis = chapter.analysis
        self._base = number * 3 * _PID_MAX
        self._start = chapter.analysis.session.t - at
        self._named: set[tuple[int, int]] = set()
        self._processes: set[int] = set()  # that have a name

    def records(self) -> Iterator[Record]:
        yield from self._name(0, 0, f"ktrace {self._analysis.session.command}")
        times = stuck_times(self._chapter)
        for one in times:
            yield from self._stuck(one)
        yield from self._stuck_count(times)
        for kill in self._analysis.kills.oom:
            yield from self._kill(kill)
        for versions in self._chapter.all_told().values():
            yield from self._other(versions[-1])

    def _stuck(self, one: StuckTime) -> Iterator[Record]:
        finding = one.finding
        yield from self._name(finding.pid, finding.tid, finding.comm)
        args: Record = {
            "state": safe(finding.state),
            "seconds": one.seconds,
            "ended": one.ended,
            "stack": [safe(frame) for frame in finding.stack],
            "chain": chain_lines(finding),
            "finding": safe(finding.id),
        }
        if isinstance(finding, StuckTask):
            args["killed"] = words.killed_by(finding.killed)
            args["outcome"] = words.outcome(finding)
        track = (finding.pid, finding.tid)
        yield self._record("X", one.function, track, one.start_t, one.seconds, "stuck", args)

    def _stuck_count(self, times: list[StuckTime]) -> Iterator[Record]:
        """A counter: how many threads are stuck."""
        changes = [(one.start_t, 1) for one in times]
        changes += [(one.start_t + one.seconds, -1) for one in times if one.ended]
        now = 0
        for t, change in sorted(changes):
            now += change
            yield self._record("C", "stuck threads", (0, 0), t, args={"threads": now})

    def _kill(self, kill: Kill) -> Iterator[Record]:
        """The steps, on a track beside the victim's own; a flow from who invoked the killer."""
        victim, steps = kill.victim, kill.steps
        if not steps:
            return
        track = (victim.pid, _PID_MAX + victim.pid)
        yield from self._name(*track, f"OOM kill of {words.name_of(victim)}", victim.comm)
        for step, then in zip(steps, [*steps[1:], None], strict=True):
            seconds = then.t - step.t if then else 0.0
            args: Record = {"step": describe(step, kill), "outcome": outcome(kill)}
            yield self._record("X", step.name, track, step.t, seconds, "oom", args)
            if step.rss_kib is not None:
                size = {"KiB": step.rss_kib}
                yield self._record("C", "resident memory", (victim.pid, 0), step.t, args=size)
        if kill.choice:
            yield from self._flow(kill.choice.by, kill, track)

    def _flow(self, by: Task, kill: Kill, track: tuple[int, int]) -> Iterator[Record]:
        """From the invoker's call to the victim's first step."""
        start = kill.steps[0].t
        invoker = (by.pid, 2 * _PID_MAX + by.tid)  # its own track may be stuck in something else
        yield from self._name(*invoker, f"{words.name_of(by)} in out_of_memory()", by.comm)
        name = f"OOM kill of {words.name_of(kill.victim)}"
        yield self._record("X", "out_of_memory", invoker, start, max(0.0, kill.t - start), "oom")
        flow = f"{self._base}-{kill.victim.pid}-{kill.begun_t:.6f}"
        yield self._record("s", name, invoker, start, cat="oom") | {"id": flow}
        yield self._record("f", name, track, start, cat="oom") | {"id": flow, "bp": "e"}

    def _other(self, finding: Finding) -> Iterator[Record]:
        """A livelock as a slice, what has no length as an instant."""
        if isinstance(finding, StuckTask | BlockedTask):
            return
        line = finding_line(finding)
        if isinstance(finding, OomLivelock):
            track = (0, _PID_MAX + len(self._named))
            yield from self._name(*track, f"memory cgroup {finding.domain or 'of the machine'}")
            args: Record = {"summary": line, "calls": finding.calls}
            since, lasted = finding.since_t, finding.lasted_s
            yield self._record("X", "OOM livelock", track, since, lasted, "oom", args)
            return
        yield self._record("i", line, (0, 0), finding.t, cat=finding.finding) | {"s": "g"}

    def _name(self, pid: int, tid: int, thread: str, process: str = "") -> Iterator[Record]:
        """Of a track, once."""
        if (pid, tid) in self._named:
            return
        if pid not in self._processes:
            self._processes.add(pid)
            yield self._named_as("process_name", pid, tid, process or thread)
        self._named.add((pid, tid))
        yield self._named_as("thread_name", pid, tid, thread)

    def _named_as(self, what: str, pid: int, tid: int, name: str) -> Record:
        track = {"pid": self._base + pid, "tid": self._base + tid}
        return {"ph": "M", "name": what, **track, "args": {"name": safe(name)}}

    def _record(
        self,
        phase: str,
        name: str,
        track: tuple[int, int],
        t: float,
        seconds: float | None = None,
        cat: str = "",
        args: Record | None = None,
    ) -> Record:
        record: Record = {
            "ph": phase,
            "name": safe(name),
            "pid": self._base + track[0],
            "tid": self._base + track[1],
            "ts": round((t - self._start) * 1e6, 3),
        }
        if seconds is not None:
            record["dur"] = round(seconds * 1e6, 3)
        if cat:
            record["cat"] = cat
        return record | ({"args": args} if args else {})
