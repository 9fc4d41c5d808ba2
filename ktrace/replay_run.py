"""A recorded trace through the same detectors and views as a live run."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from ktrace.detectors.analysis import Analysis
from ktrace.errors import ExitCode
from ktrace.events import Event
from ktrace.findings import End, Finding, Session
from ktrace.trace.reader import Record, TraceFile
from ktrace.trace.rests import with_rests
from ktrace.verdicts import EXIT_CODES, with_doubt, worst
from ktrace.views.view import View

_TICK_S = 0.2
_LONGEST_WAIT_S = 30.0  # on the screen, for one event: what comes then is shown at once

NewView = Callable[[str, str], View]  # of a session, by its command and its file


Change = Callable[[Record], Record]


def replay(
    paths: Sequence[str],
    new_view: NewView,
    speed: float | None,
    change: Change = lambda record: record,
) -> ExitCode:
    """Show each session of the files, in the view for its command.

    What earlier sessions carry over counts in the verdict on later ones: bad pages do.

    speed: times as fast as it happened; 0: at once; None: 1 on a screen, else 0. change: see
    TraceFile.

    Raises UsageError where the file is not a trace. Ctrl-C ends it with the summary.
    """
    verdicts: list[str] = []
    earlier: list[Event] = []
    interrupts = _Interrupts()
    with interrupts.watched():
        for path, rest in with_rests(paths):
            trace = TraceFile(path, change, rest)
            if _replay_file(trace, new_view, speed, verdicts, earlier, interrupts):
                break
    return EXIT_CODES[worst(verdicts)]


class _Interrupts:
    """Ctrl-C, SIGTERM and SIGHUP: the first one ends a replay between two records, so that the
    terminal gets its own screen back whatever was drawn; the second one ends it at once."""

    def __init__(self) -> None:
        self.came = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._take)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


def _replay_file(
    trace: TraceFile,
    new_view: NewView,
    speed: float | None,
    verdicts: list[str],
    earlier: list[Event],
    interrupts: _Interrupts,
) -> bool:
    """Adds to verdicts; earlier becomes what its sessions leave. True: the user interrupted it."""
    path = str(trace.path)
    with trace:
        head = trace.session
        run = _Session(trace, head, new_view(head.command, path), speed, earlier, interrupts)
        try:
            for record in trace.records():
                if interrupts.came:
                    break
                if isinstance(record, Session) and record is not trace.session:
                    verdicts.append(run.end())
                    earlier[:] = run.carried()
                    view = new_view(record.command, path)
                    run = _Session(trace, record, view, speed, earlier, interrupts)
                run.record(record)
        except KeyboardInterrupt:
            interrupts.came = True
        finally:
            run.close()
        verdicts.append(run.end())
        earlier[:] = run.carried()
    return interrupts.came


class _Session:
    """One session of the file, shown."""

    def __init__(
        self,
        trace: TraceFile,
        session: Session,
        view: View,
        speed: float | None,
        earlier: list[Event],
        interrupts: _Interrupts,
    ) -> None:
        self._trace = trace
        self._interrupts = interrupts
        self._analysis = Analysis(session, earlier)
        self._view = view
        self._speed = speed if speed is not None else float(view.child_output == "kept")
        self._found: set[tuple[str, str]] = set()
        self._recorded_end: End | None = None
        self._skipped = False
        try:
            view.start(self._analysis)
        except BaseException:
            view.close()
            raise

    def record(self, record: Session | Event | Finding | End) -> None:
        if isinstance(record, Event):
            self._wait_until(record.t)
            self._show(record, self._analysis.feed(record))
        elif isinstance(record, End):
            self._recorded_end = record
        elif isinstance(record, Finding) and self._trace.damage:
            self._adopt(record)

    def carried(self) -> list[Event]:
        """For the analysis of the next session."""
        return self._analysis.carried()

    def end(self) -> str:
        """Give the verdict to the view, and back."""
        recorded = self._recorded_end
        if recorded is not None:
            self._analysis.t = max(self._analysis.t, recorded.t)
        end = self._analysis.end()
        if recorded is not None and recorded.command is not None:
            end = replace(end, command=recorded.command)
            end = with_doubt(end, *recorded.command.doubts())
        if self._interrupts.came:
            end = with_doubt(end, "the replay was interrupted")
        else:
            end = with_doubt(end, *self._trace.damage.lines())
        self._view.end(end)
        return end.verdict

    def close(self) -> None:
        self._view.close()

    def _show(self, event: Event | None, findings: list[Finding]) -> None:
        self._found.update((finding.id, finding.status) for finding in findings)
        self._view.event(event, findings)
        if self._speed:
            self._view.tick(self._analysis.t)

    def _adopt(self, finding: Finding) -> None:
        """The events that led to it were damaged, the finding was not."""
        if (finding.id, finding.status) not in self._found:
            self._analysis.adopt(finding)
            self._show(None, [finding])

    def _wait_until(self, t: float) -> None:
        """Let the time between two events pass, the screen's ages counting up in it."""
        if not self._speed:
            return
        at = max(self._analysis.t, t - _LONGEST_WAIT_S * self._speed)
        if at > self._analysis.t and not self._skipped:
            self._skipped = True
            self._view.note("nothing happened for long: the replay has gone on")
        while (left := (t - at) / self._speed) > 0 and not self._interrupts.came:
            nap = min(left, _TICK_S)
            time.sleep(nap)
            at += nap * self._speed
            self._view.tick(at)
