"""One live run: the source's events through the detectors to the view and the recording."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ktrace import real_time, survival
from ktrace.detectors.analysis import Analysis
from ktrace.errors import ExitCode, KtraceError, UsageError
from ktrace.events import Event
from ktrace.findings import End, Finding, finding_to_json
from ktrace.live.children import Children
from ktrace.live.confinement import confine
from ktrace.live.enough_files import enough_files
from ktrace.live.head import describe
from ktrace.live.kept_output import KeptOutput
from ktrace.live.opening import open_earlier, open_recording, open_source
from ktrace.live.options import Options
from ktrace.live.origin import Origin, Source
from ktrace.live.pace import Pace
from ktrace.live.stop import Stop
from ktrace.problems import live_problems, reported
from ktrace.verdicts import EXIT_CODES, with_doubt
from ktrace.views import known_text
from ktrace.views.output import complain, say
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.live.actions import Actions
    from ktrace.live.command import Command
    from ktrace.live.recording import Recording
    from ktrace.sources.live.earlier import Earlier
    from ktrace.watch.segments import Segments

_TICK_S = 1.0
_BEHIND_S = 0.02  # within which the recording gets more of what it does not have yet
_COMMAND_S = 0.1  # within which the end of COMMAND or of an action is noticed
# what COMMAND is sent when the run ends before it, and how long it may take to die of it
_KILLS = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 1.0))


def run(options: Options, view: View) -> ExitCode:
    """Trace until told to stop. Raises CannotTrace, UsageError."""
    if options.run:
        from ktrace.live.command import check_startable

        check_startable(options.run)
    stop = Stop()
    stop.listen()  # before anything is loaded: Python drops an exception in a callback of libbpf
    children = Children.of(options)
    pace = Pace()
    survival.reserve_heap()
    with ExitStack() as stack:
        stack.callback(pace.end)
        with enough_files():
            source, origin = open_source(options, stop, pace)
            stack.callback(source.close)
            symbols = source.load_symbols()
        earlier = open_earlier(options)
        stack.callback(lambda: [kept.close() for kept in earlier])
        recording = open_recording(options)  # as late as can be: nothing is emptied in vain
        if recording is not None:
            stack.callback(recording.close)
        stack.callback(partial(_close, view))
        stop.at_abort(view.close)
        run = _Run(options, view, source, origin, recording, earlier, children, stop, pace, symbols)
        return run.trace()


def _close(view: View) -> None:
    with suppress(OSError):
        view.close()


class _Run:
    @enough_files()
    def __init__(
        self,
        options: Options,
        view: View,
        source: Source,
        origin: Origin,
        recording: "Recording | Segments | None",
        earlier: "list[Earlier]",
        children: Children,
        stop: Stop,
        pace: Pace,
        symbols: int,
    ) -> None:
        self._options = options
        self._view = view
        self._source = source
        self._origin = origin
        self._recording = recording
        self._earlier = earlier
        self._children = children
        self._stop = stop
        self._pace = pace
        self._lost = ""  # why nothing can be shown any more
        self._command: Command | None = None
        self._kept = KeptOutput() if view.child_output == "kept" else None
        self._actions = self._make_actions()
        for problem in (
            *live_problems(),
            *reported(options.command, options.also),
        ):  # from a disk that may hang later
            problem.detector_type()
            problem.view_module()
        known_text.prepare()
        warnings = [*origin.warnings(symbols), *children.warnings()]
        if options.filter:
            warnings.append(f"only tasks of {options.filter} are shown and judged")
        self._analysis = Analysis(describe(options, source, origin, tuple(warnings)))

    def trace(self) -> ExitCode:
        """Attach is done: run the command, follow the events, sum up."""
        self._pace.begin(self._catch_up)
        if self._recording:
            self._recording.start(self._analysis.session)
        self._show(partial(self._view.start, self._analysis))
        if self._view.wake_fd is not None:
            self._source.wake_on(self._view.wake_fd)
        for earlier in self._earlier:
            self._handle(earlier.events(self._analysis.session))
        self._stop.after(self._options.duration)
        self._start_command()
        self._give_up_privileges()
        while not self._stop.now():
            self._step(self._wait_s())
        self._end_command()
        return self._finish()

    def _step(self, wait_s: float) -> None:
        self._handle(self._source.read(wait_s))
        if self._command is not None and not self._command.running():
            self._stop.why = self._stop.why or "the command ended"
        self._stop.why = self._stop.why or self._origin.ended()
        if self._actions is not None:
            self._actions.poll()
        if self._kept is not None:
            self._kept.take()
        self._catch_up()
        real_time.balance()

    def _catch_up(self) -> None:
        """Show and hand over what is known by now; also in the middle of a look."""
        if self._recording is not None:
            self._recording.step(self._analysis.end, self._note)
            self._analysis.recorded = self._recording.file_bytes
        self._show(partial(self._view.tick, self._origin.now()))
        self._pace.beat()

    def _wait_s(self) -> float:
        watches = self._command is not None or self._actions is not None
        behind = self._recording is not None and self._recording.behind
        return self._stop.left_s(_BEHIND_S if behind else _COMMAND_S if watches else _TICK_S)

    def _start_command(self) -> None:
        if not self._options.run:
            return
        from ktrace.live.command import Command

        output = None if self._view.child_output == "inherited" else self._children_s_output()
        identity = self._children.command
        self._command = Command(
            self._options.run,
            self._children.setup(identity),
            output,
            self._options.strict,
            identity.environment(),
        )
        self._stop.at_abort(self._command.kill)
        if self._command.why_not:
            self._stop.why = "the command cannot be run"

    def _give_up_privileges(self) -> None:
        """COMMAND has its own by now."""
        loader, actions = self._source.loader.name, self._children.actions
        asks = self._view.wake_fd is not None
        give_up = partial(confine, self._options, loader, actions, asks=asks)
        for earlier in self._earlier:
            earlier.confine(give_up)
        self._note(*filter(None, [give_up()]))

    def _make_actions(self) -> "Actions | None":
        identity = self._children.actions
        if identity is None or self._options.on_finding is None:
            return None
        from ktrace.live.actions import Actions

        return Actions(
            self._options.on_finding.removeprefix("shell:"),
            self._children.setup(identity),
            self._note,
            self._children_s_output(),
            identity.environment(),
        )

    def _children_s_output(self) -> int:
        return self._kept.fd if self._kept is not None else sys.stderr.fileno()

    def _end_command(self) -> None:
        """A COMMAND that outlives the run is ended, unless it is not to be; it may be the stuck
        task itself, and never die."""
        command = self._command
        if command is None or self._options.keep_running or not command.running():
            return
        for number, grace_s in _KILLS:
            command.kill(number)
            until = time.monotonic() + grace_s
            while command.any_running() and time.monotonic() < until:
                self._step(_COMMAND_S / 2)

    def _handle(self, events: Iterable[Event]) -> None:
        for event in events:
            self._pace.breathe()
            findings = self._analysis.feed(event)
            if self._recording is not None:
                self._recording.add(event, findings)
            for earlier in self._earlier:
                earlier.add(event)
            self._show(partial(self._view.event, event, findings))
            for finding in findings:
                self._act(finding)

    def _act(self, finding: Finding) -> None:
        """--on-finding, once for each new finding."""
        if finding.status != "open" or self._options.on_finding is None:
            return
        if self._actions is None:
            self._stop.why = self._stop.why or "a finding"
        else:
            self._actions.add(json.dumps(finding_to_json(finding)))

    def _show(self, call: Callable[[], None]) -> None:
        """A terminal or pipe that goes away ends the run, but not a recording."""
        if self._lost:
            return
        try:
            call()
        except OSError as error:
            self._lost = f"the output was lost ({error.strerror or error})"
            if self._recording is None:
                self._stop.why = self._stop.why or self._lost

    def _note(self, *texts: str) -> None:
        for text in texts:
            if self._lost:
                complain(f"ktrace: {text}")
            else:
                self._show(partial(self._view.note, text))

    def _finish(self) -> ExitCode:
        self._handle(self._source.finish())
        end = replace(self._analysis.end(), own=self._pace.facts())
        if self._command is not None:
            command = self._command.end(self._options.keep_running)
            end = with_doubt(replace(end, command=command), *command.doubts())
        if self._recording is not None:
            end = self._recording.end(end, self._note)
            self._analysis.recorded = self._recording.file_bytes
        end = self._close_earlier(end)
        if self._actions is not None:
            self._actions.finish()
        self._show(partial(self._view.end, end))
        for line in self._kept.last_lines() if self._kept else ():
            self._show(partial(say, line))
        if self._command is not None and self._command.why_not:
            raise UsageError(f"cannot run {self._options.run[0]}: {self._command.why_not}")
        if self._lost:  # a verdict that nobody got is none
            raise KtraceError(self._lost, exit_code=ExitCode.INCONCLUSIVE)
        return EXIT_CODES[end.verdict]

    def _close_earlier(self, end: End) -> End:
        for failure in filter(None, [earlier.close() for earlier in self._earlier]):
            self._note(f"keeping state fails: {failure}")
            end = with_doubt(end, "the state file is not complete")
        return end
