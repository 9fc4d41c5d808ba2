"""Stacks of a trace with where in the source each frame is: "do_exit+0x6b (kernel/exit.c:871)"."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ktrace.findings import Session
from ktrace.kernel.source_lines import Places, SourceLines

T = TypeVar("T")

_STACKS = ("stack", "top", "owner_stack")  # members of events


class SourceFrames:
    """Knows the kernel of the session that is being read."""

    def __init__(self, source: SourceLines) -> None:
        self._source = source
        self._release = ""

    def of(self, record: T) -> T:
        """The same record, its frames with their places. What reads functions from frames reads
        the same ones."""
        if isinstance(record, Session):
            self._release = record.kernel
            return record
        whole: Any = record
        changes = {
            item.name: changed
            for item in fields(whole)
            if (changed := self._value(item.name, getattr(whole, item.name))) is not None
        }
        annotated: T = replace(whole, **changes) if changes else record
        return annotated

    def _value(self, name: str, value: Any) -> Any:
        """None: it stays."""
        if name in _STACKS and value and isinstance(value, tuple):
            return tuple(
                told(frame, places) for frame, places in self._source.of(value, self._release)
            )
        if is_dataclass(value) and not isinstance(value, type):
            changed = self.of(value)
            return changed if changed is not value else None
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            return tuple(self.of(item) for item in value)
        return None


def told(frame: str, places: Places) -> str:
    """ "do_exit+0x6b (coredump_task_exit at kernel/exit.c:425, kernel/exit.c:871)": what is inlined
    there has its function's name."""
    if not places:
        return frame
    *inlined, own = places
    return f"{frame} ({', '.join([*inlined, own.rpartition(' at ')[2]])})"
