"""What of a trace file could not be read, for the user to know."""

from dataclasses import dataclass
from enum import Enum


class Loss(Enum):
    """A kind of damage: in words, for one and for several."""

    LINE = "line damaged", "lines damaged"
    GZIP = "place damaged in the gzip data", "places damaged in the gzip data"
    STACK = "record without its stack", "records without their stacks"
    UNKNOWN = "record of a newer ktrace skipped", "records of a newer ktrace skipped"
    END = "session without an end record", "sessions without an end record"
    READ = "read error", "read errors"
    GAP = "gap before the rest of the trace", "gaps before the rest of a trace"
    REST = "part left unread", "parts left unread"


@dataclass(slots=True)
class _Entry:
    count: int
    first: str


class Damage:
    """Counted, and the first of each kind told; false if there is none."""

    def __init__(self) -> None:
        self._entries: dict[Loss, _Entry] = {}

    def add(self, loss: Loss, where: str, why: str) -> None:
        entry = self._entries.setdefault(loss, _Entry(0, f"{where}: {why}"))
        entry.count += 1

    def count(self, loss: Loss) -> int:
        return self._entries[loss].count if loss in self._entries else 0

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __len__(self) -> int:
        return sum(entry.count for entry in self._entries.values())

    def lines(self) -> list[str]:
        """One sentence for each kind: "3 lines damaged (the first at line 9: zero bytes)"."""
        return [_sentence(loss, entry) for loss, entry in self._entries.items()]


def _sentence(loss: Loss, entry: _Entry) -> str:
    one, several = loss.value
    if entry.count == 1:
        return f"1 {one} (at {entry.first})"
    return f"{entry.count} {several} (the first at {entry.first})"
