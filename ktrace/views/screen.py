"""The live screen: when to draw, what a key does, and what stays on the terminal afterwards."""

import signal
import sys
import termios
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views.collecting import CollectingView
from ktrace.views.fit import fit, within
from ktrace.views.job_control import JobControl
from ktrace.views.keys import Keys
from ktrace.views.painter import Painter
from ktrace.views.problem_view import Body
from ktrace.views.report import foot, sections
from ktrace.views.safe_screen import SafeScreen
from ktrace.views.safe_text import safe
from ktrace.views.screen_frame import Frame
from ktrace.views.summary import head_lines
from ktrace.views.view import Player

_REFRESH_S = 1.0  # the ages count up in it; what happens is shown at once, but not faster than
_AT_MOST_EVERY_S = 0.2


class ScreenView(CollectingView):
    """Draws only when something happened, a key was pressed, or a second has passed."""

    child_output = "kept"
    kept = 2000  # findings: less than a report keeps, as this runs beside what it watches

    def __init__(
        self,
        body: Body,
        footer: str = "",
        console: Console | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__()
        # force_terminal: rich would ask again, and draw nothing on one that has gone away, where
        # the error of a write tells us
        self._console = console or Console(
            file=sys.stdout, force_terminal=True, highlight=False, markup=False
        )
        self._keys = keys
        self._frame = Frame(body, footer, has_keys=keys is not None)
        self._jobs = JobControl(self._give_back, self._take)
        self._painter: Painter | None = None
        self._drawn_t = 0.0
        self._changed = True

    @property
    def wake_fd(self) -> int | None:
        return self._keys.fd if self._keys else None

    def follow(self, player: Player) -> None:
        """Keys of a replay go to it."""
        self._frame.player = player

    def show(self, analysis: Analysis) -> None:
        """What render() draws from now on; start() does it too."""
        super().start(analysis)
        self._changed = True

    def start(self, analysis: Analysis) -> None:
        self.show(analysis)
        self._jobs.listen()
        self._take()

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        super().event(event, findings)
        self._changed = True

    def tick(self, t: float) -> None:
        if self._painter is None:
            return
        at_once = self._jobs.poll()
        self._changed = self._changed or at_once
        for key in self._keys.read() if self._keys else ():
            at_once = self._changed = True
            self._press(key, t)
        wait = _AT_MOST_EVERY_S if self._changed else _REFRESH_S
        if at_once or not 0 <= t - self._drawn_t < wait:
            self.draw(t)

    def draw(self, t: float) -> None:
        """Now, however long ago the last time was."""
        if self._painter is None:
            return
        self._drawn_t = t
        if not self._changed and not self._frame.ages():
            head = SafeScreen(self._frame.header(self.analysis, t, self._console.width))
            if self._painter.paint_first(head):
                return
        self._changed = False
        self._painter.paint(self.render(t))

    def note(self, text: str) -> None:
        super().note(text)
        self._changed = True

    def end(self, end: End) -> None:
        """Leave on the terminal what a report says of it."""
        self.draw(self.analysis.t)
        self.close()
        with within(self._console.width):
            lines = [part for line in head_lines(self.analysis) for part in fit(line)]
            for _, section in sections(self):
                lines += ["", *section[: None if section[-1] else -1]]
            lines += ["", *foot(self, end)]
        for line in lines:
            self._console.print(Text(safe(line)))

    def close(self) -> None:
        self._jobs.leave()
        self._give_back()
        self._frame.close()

    def render(self, t: float) -> RenderableType:
        """The whole screen at time t, as high as the terminal."""
        note = self.notes[-1] if self.notes else ""
        return SafeScreen(self._frame.render(self.analysis, t, self._console, note))

    def _press(self, key: str, t: float) -> None:
        if self._frame.press(key, self.analysis, t):
            return
        if key == "q":
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does

    def _take(self) -> None:
        """The terminal."""
        if self._keys:
            with suppress(OSError, termios.error):
                self._keys.take()
        self._painter = Painter(self._console)
        self._painter.begin()
        self._painter.paint(self.render(self.analysis.t))

    def _give_back(self) -> None:
        """The keys first: they can be given back whatever becomes of the output."""
        painter, self._painter = self._painter, None
        if self._keys:
            self._keys.give_back()
        if painter is not None:
            painter.end()
