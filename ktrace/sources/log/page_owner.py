"""What page_owner=on adds to a report: __dump_page_owner() of mm/page_owner.c, since 4.6.

"page allocated via order ..." until 5.6, "page last allocated via order ..." with pid and time
since; "page last free stack trace:" since 5.4, with a pid since 6.8.
"""

import re
from dataclasses import dataclass, field

from ktrace.events import PageOwner
from ktrace.kernel.page_functions import outside_allocator

_HEAD = re.compile(
    r"\s*(?:page_owner |page last (?P<did>allocated|free)\b|page has been migrated"
    r"|page (?P<old>allocated) via)"
)
_FRAME = re.compile(
    r"\s*(?P<frame>[A-Za-z_][\w.]*\+0x[0-9a-f]+)/0x[0-9a-f]+(?:\s(?P<mod>\[[\w-]+\]))?"
)
_PID = re.compile(r"\bpid (?P<pid>\d{1,10})\b")
# a comm can hold anything: what follows it is anchored at the end
_END = r"ts (?P<ts>\d{1,20})(?:, free_ts (?P<free>\d{1,20}))?\s*$"
_COMM = re.compile(r"\btgid \d{1,10} \((?P<comm>.*)\), " + _END)
_ORDER = re.compile(r"\border (?P<order>\d{1,3})\b")
_GFP = re.compile(r"\bgfp_mask 0x[0-9a-f]+\((?P<gfp>[\w|]+)\)")
_TIMES = re.compile(r"\b" + _END)
_LINES_MAX = 120


@dataclass(slots=True)
class _Part:
    """The head line of an allocation or a free, and its frames."""

    did: str
    text: str
    frames: list[str] = field(default_factory=list)


class OwnerLines:
    """Takes the lines one by one."""

    def __init__(self) -> None:
        self.lines: list[str] = []  # as printed
        self._parts: list[_Part] = []
        self._in_it = False

    def take(self, text: str) -> bool:
        """Whether the line is page_owner's."""
        if len(self.lines) >= _LINES_MAX:
            return False
        if head := _HEAD.match(text):
            self._in_it = True
            if did := head["did"] or head["old"]:
                self._parts.append(_Part("allocated" if did == "allocated" else "freed", text))
        elif self._in_it and self._parts and (frame := _FRAME.match(text)):
            self._parts[-1].frames.append(" ".join(filter(None, frame.groups())))
        else:
            self._in_it = False
            return False
        self.lines.append(text.strip())
        return True

    def owners(self) -> tuple[PageOwner, ...]:
        """Allocation and free, as far as they are told."""
        freed_at = next((_seconds("free", part.text) for part in self._parts), None)
        return tuple(_owner(part, freed_at) for part in self._parts)


def _owner(part: _Part, freed_at: float | None) -> PageOwner:
    pid, comm, order, gfp = (
        found[1] if (found := pattern.search(part.text)) else ""
        for pattern in (_PID, _COMM, _ORDER, _GFP)
    )
    return PageOwner(
        did=part.did,
        pid=int(pid) if pid else None,
        comm=comm,
        order=int(order) if order else None,
        gfp=gfp,
        at=_seconds("ts", part.text) if part.did == "allocated" else freed_at,
        frame=outside_allocator(tuple(part.frames)),
        stack=tuple(part.frames),
    )


def _seconds(which: str, text: str) -> float | None:
    """Of nanoseconds; 0 is what was never set."""
    found = _TIMES.search(text)
    return int(found[which]) / 1e9 if found and int(found[which] or 0) else None
