"""What the user has made of the screen by keys: page, cursor, filter, order, what is open.

It knows lines by their keys only, and draws nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ktrace.views.pager import Pager

MAIN, HELP, TIMELINES, COSTS = "main", "help", "timelines", "costs"
_PAGE_KEYS = {"?": HELP, "t": TIMELINES, "b": COSTS}
SORTS = ("longest", "count", "name", "function")
_FILTER_LONGEST = 60
_FAR = 1 << 30


@dataclass(slots=True)
class Cursor:
    """The selected line and what part of the list is on the screen.

    keys: of every line, in order; lines without one cannot be selected, and the lines of one entry
    have the same. Once it was moved the cursor stays with its entry, wherever that goes.
    """

    key: str = ""
    line: int = 0
    top: int = 0  # first line on the screen
    height: int = 1
    keys: Sequence[str] = ()
    _within: int = 0  # of the lines of its entry
    _stays: bool = False  # with its entry; else it is at the first
    _reveal: bool = False  # all lines of its entry

    def layout(self, keys: Sequence[str], height: int) -> None:
        """The list is like that now."""
        self.keys, self.height = keys, max(1, height)
        if not self._stays:
            self.line = 0
        elif self.key in keys:
            first = keys.index(self.key)
            last = next((n for n in range(first, len(keys)) if keys[n] != self.key), len(keys)) - 1
            self.line = min(first + self._within, last)
            if self._reveal:
                self.top = min(first, max(self.top, last - self.height + 1))
        self._reveal = False
        self._select(max(0, min(self.line, len(keys) - 1)), 1)
        self._scroll()

    def move(self, by: int) -> None:
        """So many lines down, or up."""
        self._stays = True
        self._select(max(0, min(self.line + by, len(self.keys) - 1)), 1 if by > 0 else -1)
        self._scroll()
        if not any(self.keys[: self.line]):
            self._stays = False

    def hold(self) -> None:
        """Its entry is opened or closed: what comes is to be seen."""
        self._stays = self._reveal = True

    @property
    def count(self) -> int:
        """Lines."""
        return len(self.keys)

    @property
    def selected(self) -> int | None:
        """The line, of the whole list; None where none can be selected."""
        return self.line if self.keys and self.keys[self.line] else None

    def _select(self, line: int, step: int) -> None:
        """The nearest that can be: first in the direction of the move."""
        for way in (step, -step):
            found = line
            while 0 <= found < len(self.keys) and not self.keys[found]:
                found += way
            if 0 <= found < len(self.keys):
                self.line, self.key = found, self.keys[found]
                self._within = found - self.keys.index(self.key)
                return
        self.line = 0

    def _scroll(self) -> None:
        """Such that the cursor is on the screen; above the first line are titles, to be seen."""
        last = max(0, len(self.keys) - self.height)
        if not any(self.keys[: self.line]):
            self.top = 0
        self.top = max(0, min(self.top, self.line, last))
        self.top = max(self.top, self.line - self.height + 1)


@dataclass(slots=True)
class ScreenModel:
    """Give it keys by name; see ktrace.views.key_names."""

    page: str = MAIN
    sort: str = SORTS[0]
    filter: str = ""
    typing: bool = False  # the filter
    paused: bool = False
    opened: set[str] = field(default_factory=set)
    focus: int = 0  # of several problems: 0 for all, else the one of that number
    cursors: dict[int, Cursor] = field(default_factory=dict)
    pagers: dict[str, Pager] = field(default_factory=dict)
    listed: bool = False  # the page is a list: its lines can be selected

    @property
    def cursor(self) -> Cursor:
        """Of the list that is in focus."""
        return self.cursors.setdefault(self.focus, Cursor())

    @property
    def pager(self) -> Pager:
        """Of a page that is no list."""
        return self.pagers.setdefault(f"{self.page} {self.focus}", Pager())

    def press(self, key: str) -> bool:
        """False where the key has no meaning here."""
        if self.typing:
            return self._type(key)
        shown = self.cursor if self.listed else self.pager
        page = max(1, shown.height - 1)
        moves = {
            "up": -1,
            "k": -1,
            "down": 1,
            "j": 1,
            "pgup": -page,
            "pgdn": page,
            "home": -_FAR,
            "end": _FAR,
        }
        if key in moves:
            shown.move(moves[key])
        elif key in _PAGE_KEYS:
            self.page = MAIN if self.page == _PAGE_KEYS[key] else _PAGE_KEYS[key]
        elif key == "p":
            self.paused = not self.paused
        else:
            return self._back(key) if self.page != MAIN else self._press_main(key)
        return True

    def _back(self, key: str) -> bool:
        if key not in ("esc", "enter", "q"):
            return False
        self.page = MAIN
        return True

    def _press_main(self, key: str) -> bool:
        if key == "enter":
            self.opened ^= {self.cursor.key} - {""}
            self.cursor.hold()
        elif key == "s":
            self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        elif key == "/":
            self.typing = True
        elif key == "esc" and self.filter:
            self.filter = ""
        elif key == "tab":
            self.focus += 1
        else:
            return False
        return True

    def _type(self, key: str) -> bool:
        if key == "enter":
            self.typing = False
        elif key == "esc":
            self.typing, self.filter = False, ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter = (self.filter + key)[:_FILTER_LONGEST]
        elif key == "space":
            self.filter = (self.filter + " ")[:_FILTER_LONGEST]
        else:
            return False
        return True
