"""What the trace of one boot says: verdict, and where threads were stuck."""

from dataclasses import dataclass
from pathlib import Path

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import StuckTask
from ktrace.trace.reader import TraceFile


@dataclass(frozen=True)
class Outcome:
    """The whole trace, judged."""

    analysis: Analysis
    functions: frozenset[str]  # in which stuck threads waited
    doubts: str  # why something could have been missed; "" if nothing could


def read_outcome(path: Path) -> Outcome:
    """Raises UsageError where path is no trace."""
    functions = set()
    with TraceFile(path) as trace:
        analysis = Analysis(trace.session)
        for record in trace.records():
            for finding in analysis.feed(record) if isinstance(record, Event) else ():
                if isinstance(finding, StuckTask) and finding.wait:
                    functions.add(finding.wait.function)
        damage = trace.damage.lines()
    doubts = [why for why in (analysis.end().why, *damage) if why]
    return Outcome(analysis, frozenset(functions), "; ".join(doubts))
