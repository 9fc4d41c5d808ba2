"""A recorded trace through the same detectors and views as a live run."""

import select
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from ktrace.detectors.analysis import Analysis
from ktrace.errors import ExitCode
from ktrace.events import Event
from ktrace.findings import End, Finding, Session
from ktrace.replay.interrupts import Interrupts
from ktrace.replay.player import ReplayPlayer
from ktrace.trace.reader import Record, TraceFile
from ktrace.trace.rests import with_rests
from ktrace.verdicts import EXIT_CODES, with_doubt, worst
from ktrace.views.progress import Progress
from ktrace.views.view import View, keyed

_TICK_S = 0.2
_HELD_S = 3.0  # that the end stays on a screen that takes keys
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_LONGEST_WAIT_S = 30.0  # on the screen, for one event: what comes then is shown at once

NewView = Callable[[Session, str], View]  # of a session and its file


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
    interrupts = Interrupts()
    with interrupts.watched():
        for path, rest in with_rests(paths):
            shown = _File(new_view, speed, verdicts, earlier, interrupts)
            with closing(Progress.of_file(path)) as progress:
                told = partial(shown.told, progress)
                if shown.replay(partial(TraceFile, path, change, rest, told)):
                    break
    return EXIT_CODES[worst(verdicts)]


class _File:
    """One file; each of its sessions in a view of its own."""

    def __init__(
        self,
        new_view: NewView,
        speed: float | None,
        verdicts: list[str],
        earlier: list[Event],
        interrupts: Interrupts,
    ) -> None:
        """Adds to verdicts; earlier becomes what its sessions leave."""
        self._new_view = new_view
        self._speed = speed
        self._verdicts = verdicts
        self._earlier = earlier
        self._interrupts = interrupts
        self._over = 0  # sessions
        self._run: _Session | None = None

    def replay(self, opened: Callable[[], TraceFile]) -> bool:
        """True: the user interrupted it. opened: the file from its beginning, again where the user
        goes back."""
        try:
            while self._play(opened()):
                pass
        finally:
            if self._run is not None:
                self._run.close()
        return self._interrupts.came

    def told(self, progress: Progress, done: int) -> None:
        """How much of the file is read: shown where it is read at once."""
        if self._run is not None and not self._run.waits:
            progress.update(done)

    def _play(self, trace: TraceFile) -> bool:
        """From the beginning of the session that is not over yet. True: go back."""
        number = 0
        with trace:
            self._begin(trace, trace.session, number)
            try:
                for record in trace.records():
                    if self._interrupts.came:
                        break
                    if isinstance(record, Session) and record is not trace.session:
                        if number == self._over and self._end_session():
                            return True
                        number += 1
                        self._begin(trace, record, number)
                    elif number == self._over and self._run is not None:
                        self._run.record(record)
                        if self._run.goes_back:
                            return True
            except KeyboardInterrupt:
                self._interrupts.came = True
            return self._end_session()

    def _begin(self, trace: TraceFile, session: Session, number: int) -> None:
        if number != self._over:
            return
        if self._run is not None:
            self._run.begin(trace, self._earlier)
            return
        view = self._new_view(session, str(trace.path))
        self._run = _Session(trace, session, view, self._speed, self._earlier, self._interrupts)

    def _end_session(self) -> bool:
        """True: the user goes back from its end."""
        assert self._run is not None
        if self._run.last_moments():
            return True
        self._verdicts.append(self._run.end())
        self._earlier[:] = self._run.carried()
        self._run.close()
        self._run = None
        self._over += 1
        return False


class _Session:
    """One session of the file, shown."""

    def __init__(
        self,
        trace: TraceFile,
        session: Session,
        view: View,
        speed: float | None,
        earlier: list[Event],
        interrupts: Interrupts,
    ) -> None:
        self._session = session
        self._interrupts = interrupts
        self._view = view
        factor = speed if speed is not None else float(view.child_output == "kept")
        self.waits = factor > 0
        self._player = ReplayPlayer(session.t, factor)
        self._keyed = keyed(view) if self.waits else None
        self._skipped = self._complete = False
        self.begin(trace, earlier)
        try:
            view.start(self._analysis)
            if self._keyed:
                self._keyed.follow(self._player)
        except BaseException:
            view.close()
            raise

    def begin(self, trace: TraceFile, earlier: list[Event]) -> None:
        """From its first event, again where the user went back."""
        self._trace = trace
        self._analysis = Analysis(self._session, earlier)
        self._found: set[tuple[str, str]] = set()
        self._recorded_end: End | None = None
        self._complete = False
        self._player.rewound()
        if self._keyed:
            self._keyed.show(self._analysis)

    @property
    def goes_back(self) -> bool:
        """The user wants to see again what was."""
        return self._player.back_to is not None

    def record(self, record: Session | Event | Finding | End) -> None:
        if isinstance(record, Event):
            self._wait_until(record.t)
            self._show(record, self._analysis.feed(record))
        elif isinstance(record, End):
            self._recorded_end = record
        elif isinstance(record, Finding) and self._trace.damage:
            self._adopt(record)

    def last_moments(self) -> bool:
        """From the last event to the end of the session. With keys it stays there for a while, or,
        where one was pressed, until the next one. True: the user goes back."""
        if self._recorded_end is not None:
            self._wait_until(self._recorded_end.t)
            self._analysis.t = max(self._analysis.t, self._recorded_end.t)
        if self._interrupts.came:
            return False
        self._complete = True
        player = self._player
        if self._keyed is None or self.goes_back:
            return self.goes_back
        player.at_end, player.paused = True, True
        self._keyed.draw(self._analysis.t)
        until = time.monotonic() + _HELD_S
        while player.paused and not self.goes_back and not self._interrupts.came:
            if not player.touched and time.monotonic() >= until:
                break
            self._nap(_TICK_S)
            self._view.tick(self._analysis.t)
        player.paused = False
        return self.goes_back

    def carried(self) -> list[Event]:
        """For the analysis of the next session."""
        return self._analysis.carried()

    def end(self) -> str:
        """Give the verdict to the view, and back."""
        recorded = self._recorded_end
        end = self._analysis.end()
        if recorded is not None:
            end = replace(end, command=recorded.command, own=recorded.own)
        if end.command is not None:
            end = with_doubt(end, *end.command.doubts())
        if self._interrupts.came and not self._complete:
            end = with_doubt(end, "the replay was interrupted")
        else:
            end = with_doubt(end, *self._trace.damage.lines())
        self._view.end(end)
        return end.verdict

    def close(self) -> None:
        self._view.close()

    def _show(self, event: Event | None, findings: list[Finding]) -> None:
        self._found.update((finding.id, finding.status) for finding in findings)
        if any(finding.status == "open" for finding in findings):
            self._player.found()
        self._view.event(event, findings)
        if self.waits and not self._player.skips(self._analysis.t):
            self._view.tick(self._analysis.t)

    def _adopt(self, finding: Finding) -> None:
        """The events that led to it were damaged, the finding was not."""
        if (finding.id, finding.status) not in self._found:
            self._analysis.adopt(finding)
            self._show(None, [finding])

    def _wait_until(self, t: float) -> None:
        """Let the time between two events pass, the screen's ages counting up in it."""
        player = self._player
        if not self.waits or player.skips(t):
            return
        at = max(self._analysis.t, t - _LONGEST_WAIT_S * player.speed)
        if at > self._analysis.t and not self._skipped:
            self._skipped = True
            self._view.note("nothing happened for long: the replay has gone on")
        while (at < t or player.paused) and not self._interrupts.came and not self.goes_back:
            if player.skips(t):
                break
            passed = self._nap(min((t - at) / player.speed, _TICK_S) if at < t else _TICK_S)
            at = at if player.paused else min(t, at + passed * player.speed)
            player.goes_on(at)
            self._view.tick(at)

    def _nap(self, seconds: float) -> float:
        """Until a key is pressed, at most so long; how long it was."""
        fd = self._keyed.wake_fd if self._keyed else None
        if fd is None:
            time.sleep(seconds)
            return seconds
        begun = time.monotonic()
        keys = select.poll()
        keys.register(fd, select.POLLIN)
        for _, what in keys.poll(max(0.0, seconds) * 1000):
            # a terminal that is gone would be ready for ever: nobody watches any more
            self._interrupts.came = self._interrupts.came or bool(what & _GONE)
        return time.monotonic() - begun
