"""A run for every view: an OOM victim stuck in squashfs, who is in its way, a hostile name."""

from pathlib import Path

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Task
from ktrace.findings import Probe
from ktrace.trace.reader import TraceFile
from ktrace.views.view import View
from tests.factories import (
    FILLER_STACK,
    call,
    dead,
    kill,
    oom_kill,
    oom_victim,
    reap,
    session,
    state,
    walk,
)

FILLER = Task(30, 30, "filler")
HOSTILE = Task(40, 41, "\x1b[2J[red]\u202ex")  # escape sequence, rich markup, bidi override

STUCK: list[Event] = [
    oom_kill(101),
    kill(101.001, si_code=128),
    oom_victim(101.002),
    reap(101.01, "wake"),
    reap(101.05, "finish"),
    kill(101.5, HOSTILE),
    state(103.0, squashfs=call(4096)),
    state(103.0, FILLER, killed=(), stack=FILLER_STACK, squashfs=call(4096)),
    state(103.0, HOSTILE, squashfs=call(4096)),
    walk(103.001),
]
RESOLVED: list[Event] = [dead(111.25), dead(111.3, HOSTILE)]


def new_analysis() -> Analysis:
    missing = Probe("bad_page", "", "missing", "kprobe: this kernel has no kprobes")
    return Analysis(session(probes=(*session().probes, missing)))


def show(view: View, events: list[Event], end: bool = True) -> Analysis:
    analysis = new_analysis()
    view.start(analysis)
    for event in events:
        view.event(event, analysis.feed(event))
    if end:
        view.end(analysis.end())
    return analysis


def analysis_of(path: Path) -> Analysis:
    """A trace file, to its end."""
    with TraceFile(str(path)) as trace:
        analysis = Analysis(trace.session)
        for record in trace.records():
            if isinstance(record, Event):
                analysis.feed(record)
    return analysis
