"""Reports of the OOM killer that are alike: the first few are told, the others counted."""

from ktrace.events import OomReport
from ktrace.plural import count
from ktrace.views import words
from ktrace.views.safe_text import safe

_SHOWN = 3
_GROUPS_MAX = 1000


class AlikeOoms:
    """Alike are those of one memory cgroup that killed a task of one name, or nobody."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str | None, str | None], int] = {}
        self._last: dict[tuple[str | None, str | None], OomReport] = {}

    def show(self, event: OomReport) -> bool:
        """Is it one of the first of its kind?"""
        key = (event.memcg, event.victim.comm if event.victim else None)
        if key not in self._seen and len(self._seen) >= _GROUPS_MAX:
            key = (None, "others")
        self._seen[key] = self._seen.get(key, 0) + 1
        self._last[key] = event
        return self._seen[key] <= _SHOWN

    def rest(self) -> list[str]:
        """A line for each group with more reports than were shown."""
        return [self._line(key, seen - _SHOWN) for key, seen in self._seen.items() if seen > _SHOWN]

    def _line(self, key: tuple[str | None, str | None], more: int) -> str:
        memcg, victim = key
        what = count(more, "more OOM kill" if victim else "more OOM report")
        what += f" of {safe(victim)}" if victim else " without a kill"
        inside = f" in memory cgroup {safe(memcg)}" if memcg else ""
        newest = self._last[key]
        who = f", the last {words.name_of(newest.victim)}" if newest.victim else ""
        return f"{what}{inside}{who}, at {newest.t:.6f}"
