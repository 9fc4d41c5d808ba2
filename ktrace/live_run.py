"""One live run: the source's events through the detectors to the view and the recording."""

import json
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import ktrace
from ktrace import survival
from ktrace.child import Child, check_startable, run_action
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import earlier_event, sighting_of
from ktrace.errors import ExitCode
from ktrace.events import BadPage, Event
from ktrace.findings import End, Finding, Session, finding_to_json
from ktrace.kernel.boot import boot_id
from ktrace.sources.live.source import LiveSource, now
from ktrace.trace.format import FORMAT
from ktrace.verdicts import EXIT_CODES, with_doubt
from ktrace.views.safe_text import safe
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.sources.live.bad_page_keeper import BadPageKeeper
    from ktrace.trace.writer import TraceWriter

_TICK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What live commands share."""

    command: str
    duration: float | None = None
    record: str | None = None
    stuck_after: float = 1.0
    state: str | None = None  # a file that keeps bad pages over boots
    on_finding: str | None = None  # "stop", or "shell:CMD"
    run: tuple[str, ...] = ()
    loader: str = "auto"


@dataclass(slots=True)
class _Stop:
    """Why the run is to end; "" while it is not."""

    why: str = ""
    child: Child | None = None
    deadline: float | None = None
    actions: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def signalled(self, number: int, _frame: FrameType | None) -> None:
        """The first signal ends the run in order, the second at once."""
        self.why = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)

    def now(self) -> bool:
        if self.child is not None and self.child.ended():
            self.why = self.why or "the command ended"
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.why = self.why or "the time is over"
        return bool(self.why)


def run(options: Options, view: View) -> ExitCode:
    """Trace until told to stop. Raises CannotTrace, UsageError."""
    check_startable(options.run)
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # before anything is loaded: Python drops an exception inside a callback of libbpf
        signal.signal(number, stop.signalled)
    setup = survival.child_setup()
    writer = _open_writer(options.record)
    state = _open_state(options.state)
    source = LiveSource(options.stuck_after, options.loader)
    try:
        symbols = source.load_symbols()
        return _Run(options, view, source, writer, state, setup, stop, symbols).trace()
    finally:
        with suppress(OSError):
            view.close()
        source.close()
        if state is not None:
            state.close()
        if writer is not None:
            writer.close()


def _open_writer(path: str | None) -> "TraceWriter | None":
    if path is None:
        return None
    from ktrace.trace.writer import TraceWriter

    return TraceWriter(path)


def _open_state(path: str | None) -> "BadPageKeeper | None":
    if path is None:
        return None
    from ktrace.sources.live.bad_page_keeper import BadPageKeeper

    return BadPageKeeper(path)


class _Run:
    def __init__(
        self,
        options: Options,
        view: View,
        source: LiveSource,
        writer: "TraceWriter | None",
        state: "BadPageKeeper | None",
        child_setup: Callable[[], None],
        stop: _Stop,
        symbols: int,
    ) -> None:
        self._options = options
        self._view = view
        self._source = source
        self._writer = writer
        self._state = state
        self._child_setup = child_setup
        self._stop = stop
        self._told_failure = False
        warnings = survival.survive()
        if not symbols:
            warnings.append("kernel addresses are hidden (kptr_restrict): stacks show numbers")
        self._analysis = Analysis(describe(options, source, tuple(warnings)))

    def trace(self) -> ExitCode:
        """Attach is done: run the command, follow the events, sum up."""
        if self._writer:
            self._writer.write_session(self._analysis.session)
        self._show(partial(self._view.start, self._analysis))
        self._tell_earlier_pages()
        self._start_command()
        if self._options.duration is not None:
            self._stop.deadline = time.monotonic() + self._options.duration
        while not self._stop.now():
            self._handle(self._source.read(self._wait_s()))
            self._tell_failure()
            self._show(partial(self._view.tick, now()))
        return self._finish()

    def _tell_earlier_pages(self) -> None:
        """Bad pages of earlier runs, from the state file, and of this boot, from its log."""
        kept = self._state.sightings if self._state else ()
        self._handle([earlier_event(sighting, now()) for sighting in kept])
        if self._options.command != "bad-page":
            return
        from ktrace.sources.log.boot_log import earlier_reports

        session = self._analysis.session
        try:
            reports = earlier_reports(session.boot_id, session.t)
        except OSError as error:
            self._show(partial(self._view.note, f"the boot's log: {error.strerror or error}"))
            return
        known = {(sighting.boot, sighting.pfn) for sighting in kept}
        self._handle([page for page in reports if (page.boot, page.pfn) not in known])

    def _wait_s(self) -> float:
        if self._stop.child is not None:
            return 0.1  # notice its end soon
        if self._stop.deadline is not None:
            return min(_TICK_S, max(0.0, self._stop.deadline - time.monotonic()))
        return _TICK_S

    def _start_command(self) -> None:
        if not self._options.run:
            return
        self._stop.child = Child(self._options.run, self._child_setup, self._view.child_output)

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            findings = self._analysis.feed(event)
            if self._writer:
                self._writer.write_event(event)
                for finding in findings:
                    self._writer.write_finding(finding)
            if self._state and isinstance(event, BadPage):
                self._state.add(sighting_of(event))
            self._show(partial(self._view.event, event, findings))
            self._act(findings)

    def _act(self, findings: list[Finding]) -> None:
        """--on-finding, once for each new finding."""
        action = self._options.on_finding
        for finding in findings:
            if finding.status != "open" or action is None:
                continue
            if action == "stop":
                self._stop.why = "a finding"
            else:
                text = json.dumps(finding_to_json(finding))
                command = action.removeprefix("shell:")
                self._stop.actions.append(run_action(command, text, self._child_setup))
        self._stop.actions = [child for child in self._stop.actions if child.poll() is None]

    def _show(self, call: Callable[[], None]) -> None:
        """A terminal or pipe that goes away ends the run; what was recorded is kept."""
        try:
            call()
        except (BrokenPipeError, OSError):
            self._stop.why = self._stop.why or "the terminal went away"

    def _tell_failure(self) -> None:
        failure = self._writer.failure if self._writer else None
        if failure and not self._told_failure:
            self._told_failure = True
            self._show(partial(self._view.note, f"recording fails: {failure}"))

    def _finish(self) -> ExitCode:
        self._handle(self._source.finish())
        end = self._analysis.end()
        end = self._close_state(self._close_recording(end))
        self._show(partial(self._view.end, end))
        for line in self._stop.child.last_lines() if self._stop.child else ():
            self._show(partial(print, safe(line)))
        return EXIT_CODES[end.verdict]

    def _close_state(self, end: End) -> End:
        if self._state is None or self._state.close():
            return end
        self._show(partial(self._view.note, f"keeping state fails: {self._state.failure}"))
        return with_doubt(end, "the state file is not complete")

    def _close_recording(self, end: End) -> End:
        """The end, in doubt when not all of the run is in the file that the user asked for."""
        if self._writer is None:
            return end
        self._writer.write_end(end)
        complete = self._writer.close()
        self._tell_failure()
        if complete and not self._writer.dropped:
            return end
        return with_doubt(end, "the recording is not complete")


def describe(options: Options, source: LiveSource, warnings: tuple[str, ...]) -> Session:
    """The head of this run."""
    return Session(
        ktrace=ktrace.__version__,
        format=FORMAT,
        command=options.command,
        host=platform.node(),
        kernel=platform.release(),
        boot_id=boot_id(),
        machine=platform.machine(),
        t=now(),
        wall=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        loader=source.loader.name,
        stuck_after=options.stuck_after,
        probes=tuple(source.probes),
        warnings=warnings,
    )
