"""What a cache of squashfs did in the last seconds, by counts since tracing began."""

from collections import deque
from dataclasses import fields, replace
from typing import Any

from ktrace.events import CacheUse
from ktrace.record import record

WINDOW_S = 10.0

_SUMS = tuple(
    field.name
    for field in fields(CacheUse)
    if field.type in (int, float, "int", "float") and field.name not in ("entries", "block_size")
)


@record
class Recent:
    """use: as a CacheUse, with the counts of the last over_s seconds alone."""

    use: CacheUse
    over_s: float
    began_t: float


class Window:
    """The counts of one cache."""

    def __init__(self, t: float, use: CacheUse) -> None:
        """t: when it began, with nothing counted."""
        zeros: dict[str, Any] = dict.fromkeys(_SUMS, 0)
        nothing = replace(use, **zeros, slept=(), disk=())
        self._known: deque[tuple[float, CacheUse]] = deque([(t, nothing)])

    @property
    def newest(self) -> CacheUse:
        return self._known[-1][1]

    @property
    def changed_t(self) -> float:
        return self._known[-1][0]

    def add(self, t: float, use: CacheUse) -> None:
        self._known.append((t, use))
        while len(self._known) > 2 and self._known[1][0] <= t - WINDOW_S:
            self._known.popleft()

    def recent(self, t: float) -> Recent:
        """At time t, which is that of the newest or later."""
        begin = t - WINDOW_S
        before = [known for known in self._known if known[0] <= begin] or [self._known[0]]
        began, first = before[-1]
        began = max(began, begin)
        return Recent(_less(self.newest, first), round(t - began, 6), began)


def _less(newest: CacheUse, first: CacheUse) -> CacheUse:
    grown = {name: getattr(newest, name) - getattr(first, name) for name in _SUMS}
    for name in _SUMS:
        if isinstance(grown[name], float):
            grown[name] = round(grown[name], 6)
    slots: dict[str, Any] = {
        name: _less_slots(getattr(newest, name), getattr(first, name)) for name in ("slept", "disk")
    }
    return replace(newest, **grown, **slots)


def _less_slots(newest: tuple[int, ...], first: tuple[int, ...]) -> tuple[int, ...]:
    first += (0,) * (len(newest) - len(first))
    return tuple(new - old for new, old in zip(newest, first, strict=False))


def quantile_s(slots: tuple[int, ...], share: float) -> float | None:
    """At most so many seconds took that share of what is in the slots: the end of the slot in which
    it lies. None: there is nothing."""
    total = sum(slots)
    if not total:
        return None
    passed = 0
    for number, count in enumerate(slots):
        passed += count
        if passed >= share * total:
            return float(2 << number) / 1e6
    return None
