"""The run from left to right: a lane for each task, coloured by the state that it was stuck in,
with the steps of its OOM kill; and one for each memory cgroup with a livelock."""

from dataclasses import dataclass, field

from ktrace.detectors.kills import Kill
from ktrace.findings import OomLivelock
from ktrace.views import words
from ktrace.views.finding_text import finding_line
from ktrace.views.formats.document import Chapter
from ktrace.views.formats.html.axis import ticks
from ktrace.views.formats.html.markup import Element, el, svg
from ktrace.views.formats.stuck_time import StuckTime
from ktrace.views.kill_timeline import describe

_WIDTH, _LEFT, _LANE, _TOP = 1060, 190, 16, 24
_LANES = 150
COLOURED = ("uninterruptible", "exiting", "running", "killable")


def timeline(chapter: Chapter, times: list[StuckTime]) -> Element | None:
    """None where no task was stuck and none was killed by the OOM killer."""
    lanes = _lanes(chapter, times)
    if not lanes:
        return None
    shown = [*lanes.items()][:_LANES]
    scale = _Scale(chapter)
    height = _TOP + _LANE * len(shown) + 4
    drawn = scale.axis(height)
    for number, (name, lane) in enumerate(shown):
        y = _TOP + number * _LANE
        drawn.append(el("text", _short(name), el("title", name), x=0, y=y + 12))
        drawn.append(el("text", lane.memory, x=_LEFT - 8, y=y + 12, class_="faint right"))
        drawn += [scale.stuck(one, y) for one in lane.stuck]
        drawn += [scale.livelock(one, y) for one in lane.livelocks]
        drawn += [mark for kill in lane.kills for mark in scale.steps(kill, y)]
    drawing = svg(_WIDTH, height, drawn, label="tasks over time")
    more = len(lanes) - len(shown)
    left_out = el("p", f"and {words.count(more, 'more task')}", class_="note") if more else None
    return el("div", drawing, left_out, _legend())


@dataclass
class _Lane:
    stuck: list[StuckTime] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    livelocks: list[OomLivelock] = field(default_factory=list)

    @property
    def memory(self) -> str:
        """Resident when the OOM killer chose it; "" where nobody knows."""
        known = [words.kill_memory(kill) for kill in self.kills if kill.choice]
        return known[-1] if known else ""


def _lanes(chapter: Chapter, times: list[StuckTime]) -> dict[str, _Lane]:
    """By the name that stands before them."""
    lanes: dict[str, _Lane] = {}
    for versions in chapter.all_told().values():
        newest = versions[-1]
        if isinstance(newest, OomLivelock):
            name = f"memory cgroup {newest.domain}" if newest.domain else "the machine's memory"
            lanes.setdefault(name, _Lane()).livelocks.append(newest)
    for one in times:
        lanes.setdefault(one.name, _Lane()).stuck.append(one)
    for kill in chapter.analysis.kills.oom:
        lanes.setdefault(words.name_of(kill.victim), _Lane()).kills.append(kill)
    return lanes


class _Scale:
    def __init__(self, chapter: Chapter) -> None:
        session = chapter.analysis.session
        self._start = session.t
        self._seconds = max(chapter.analysis.t - session.t, 0.001)

    def _x(self, t: float) -> float:
        """Tasks that were stuck before tracing began start at the left edge."""
        share = min(1.0, max(0.0, (t - self._start) / self._seconds))
        return _LEFT + share * (_WIDTH - _LEFT - 10)

    def axis(self, height: int) -> list[Element]:
        drawn = []
        for value in ticks(self._seconds):
            x = self._x(self._start + value)
            drawn.append(el("line", x1=x, y1=_TOP - 6, x2=x, y2=height, class_="axis"))
            drawn.append(el("text", f"{value:g} s", x=x + 2, y=12, class_="faint"))
        return drawn

    def stuck(self, one: StuckTime, y: int) -> Element:
        state = one.finding.state if one.finding.state in COLOURED else "other"
        title = (
            f"{one.name}: {one.finding.state} in {one.function} for {words.seconds(one.seconds)}"
        )
        return self._bar(one.start_t, one.seconds, y, state, title)

    def livelock(self, one: OomLivelock, y: int) -> Element:
        return self._bar(one.since_t, one.lasted_s, y, "livelock", finding_line(one))

    def _bar(self, t: float, seconds: float, y: int, kind: str, title: str) -> Element:
        x = self._x(t)
        width = max(1.5, self._x(t + seconds) - x)
        return el("rect", el("title", title), x=x, y=y + 2, width=width, height=12, class_=kind)

    def steps(self, kill: Kill, y: int) -> list[Element]:
        return [
            el(
                "path",
                el("title", f"{step.t - self._start:.3f} s: {describe(step, kill)}"),
                d=f"M{self._x(step.t):.1f} {y + 1}v14",
                class_="step",
            )
            for step in kill.steps
        ]


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:9]}...{name[-10:]}"


def _legend() -> Element:
    states = [
        el("span", el("i", style=f"background:var(--{state})"), state)
        for state in (*COLOURED, "other", "livelock")
    ]
    return el("p", states, el("span", "| a step of an OOM kill"), class_="legend note")
