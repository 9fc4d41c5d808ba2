"""One drawing of the screen: header, the page that the user has chosen, footer."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.views.list_body import ListBody, Wishes
from ktrace.views.problem_view import Body
from ktrace.views.screen_all import AllBody
from ktrace.views.screen_footer import footer
from ktrace.views.screen_header import header
from ktrace.views.screen_list import drawn
from ktrace.views.screen_model import COSTS, MAIN, ScreenModel
from ktrace.views.screen_pages import CostsPage, page_lines
from ktrace.views.view import Player

_FRAME_LINES = 4  # header, footer, and a rule each
_HEADLINE_LINES = 2
_WHOLE = 500  # lines of a body that is not a list, when it is scrolled


class Frame:
    """Knows what the user has chosen; draws what the analysis says."""

    def __init__(self, body: Body, foot: str, has_keys: bool) -> None:
        self.model = ScreenModel()
        self.player: Player | None = None
        self._body = self._shown = body
        self._foot = foot
        self._has_keys = has_keys
        self._paused_t: float | None = None
        self._still: list[RenderableType] = []  # of a display that is paused, and no list
        self._costs = CostsPage()

    def press(self, key: str, analysis: Analysis, t: float) -> bool:
        """False where the key has no meaning."""
        model = self.model
        player = self.player if not model.typing and model.page == MAIN else None
        if player and player.press(key):
            return True
        known = model.press(key)
        if model.paused != (self._paused_t is not None):
            self._paused_t = t if model.paused else None
        if model.page != COSTS:
            self._costs.close()
        return known

    def close(self) -> None:
        self._costs.close()

    def render(self, analysis: Analysis, t: float, console: Console, note: str) -> Group:
        """As high as the terminal."""
        width, height = console.size
        room = max(1, height - _FRAME_LINES)
        head = self.header(analysis, t, width)
        body = self._page(analysis, t, width, room)
        foot = footer(self.model, analysis, width, note or self._foot, self._has_keys, self.player)
        return Group(head, Rule(style="dim"), _Exactly(room, body), self._position(body), foot)

    def header(self, analysis: Analysis, t: float, width: int) -> Text:
        return header(analysis, t, width, "PAUSED" if self.model.paused else "")

    def ages(self) -> bool:
        """Does more than the header change by time alone?"""
        body = self._shown
        return self.model.page != MAIN or not isinstance(body, ListBody) or body.ages()

    def _position(self, body: Sequence[RenderableType]) -> Rule:
        """What part of the page is on the screen, where that is not all."""
        shown = self.model.cursor if self.model.listed else self.model.pager
        total = shown.count
        if not self._has_keys or total <= shown.height or total == _WHOLE:
            return Rule(style="dim")
        last = min(total, shown.top + shown.height)
        return Rule(f"lines {shown.top + 1}-{last} of {total}", align="right", style="dim")

    def _page(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        model = self.model
        body = self._body
        model.listed = False
        if model.page != MAIN:
            lines = page_lines(model.page, analysis, width, self._costs, self.player is not None)
            return self._paged(lines, height)
        if isinstance(body, AllBody) and self._has_keys:
            body = body.in_focus(analysis, model.focus)
        self._shown = body
        others = [] if body is self._body else self._others(analysis, body)
        room = height - len(others)
        if isinstance(body, ListBody) and self._has_keys:
            model.listed = True
            return [*self._list(body, analysis, t, width, room), *others]
        if not model.paused or not self._still:
            self._still = self._plain(body, analysis, t, width, room)
        return [*self._still, *others]

    def _others(self, analysis: Analysis, body: Body) -> list[Text]:
        """Of several problems, those that are not shown."""
        return self._body.others(analysis, body) if isinstance(self._body, AllBody) else []

    def _plain(
        self, body: Body, analysis: Analysis, t: float, width: int, height: int
    ) -> list[RenderableType]:
        """A body that is no list: fitted into the height, or scrolled."""
        pager = self.model.pager
        if not self._has_keys or pager.top == 0:
            pager.count, pager.height = _WHOLE, height  # it may be longer: a move will tell
            return body.lines(analysis, t, width, height)
        whole = Group(*body.lines(analysis, t, width, _WHOLE))
        lines = Console(width=width).render_lines(whole, pad=False)
        while lines and not "".join(segment.text for segment in lines[-1]).strip():
            lines.pop()
        pager.layout(len(lines), height)
        return [_Rendered(line) for line in lines[pager.top : pager.top + height]]

    def _paged(self, lines: list[Text], height: int) -> list[RenderableType]:
        pager = self.model.pager
        pager.layout(len(lines), height)
        return list(lines[pager.top : pager.top + height])

    def _list(
        self, body: ListBody, analysis: Analysis, t: float, width: int, height: int
    ) -> list[RenderableType]:
        model = self.model
        if self._paused_t is None:
            body.take(analysis)
        else:
            t = self._paused_t
        wishes = Wishes(sort=model.sort, filter=model.filter, opened=frozenset(model.opened))
        headline = list(body.headline(t).wrap(Console(width=width), width))[:_HEADLINE_LINES]
        room = height - len(headline) - 1
        lines = body.fitting(t, width, room, wishes)
        bottom = body.bottom(t, width, body.bottom_share(room, len(lines)))
        room -= len(bottom) + bool(bottom)
        cursor = model.cursor
        cursor.layout([line.key for line in lines], room)
        shown = drawn(lines[cursor.top : cursor.top + room], width)
        if cursor.selected is not None:
            _select(shown[cursor.selected - cursor.top], width)
        blank = [Text("")] * (bool(bottom) + max(0, room - len(shown)) * bool(bottom))
        return [*headline, Text(""), *shown, *blank, *bottom]


def _select(line: Text, width: int) -> None:
    line.pad_right(max(0, width - line.cell_len))
    line.stylize("reverse")


class _Rendered:
    """A line that is rendered already."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._segments
        yield Segment.line()


class _Exactly:
    """Renders parts into so many lines: cut, or filled up with empty ones."""

    def __init__(self, height: int, parts: list[RenderableType]) -> None:
        self._height = height
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self._parts), options.update(height=None), pad=False)
        for line in lines[: self._height]:
            yield from line
            yield Segment.line()
        for _ in range(self._height - len(lines)):
            yield Segment.line()
