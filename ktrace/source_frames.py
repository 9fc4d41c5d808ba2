"""Stacks of a trace with where in the source each frame is: "do_exit+0x6b (kernel/exit.c:871)"."""

import functools
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ktrace.events import Stack
from ktrace.findings import Session
from ktrace.kernel.source_lines import Places, SourceLines
from ktrace.trace.format import MAX_STACKS

T = TypeVar("T")

_PLAIN = frozenset({str, int, float, bool, type(None)})
_STACKS = ("stack", "top", "owner_stack")  # members of events


class SourceFrames:
    """Knows the kernel of the session that is being read."""

    def __init__(self, source: SourceLines) -> None:
        self._source = source
        self._release = ""
        self._known: dict[tuple[str, Stack], Stack] = {}

    def of(self, record: T) -> T:
        """The same record, its frames with their places. What reads functions from frames reads
        the same ones."""
        if isinstance(record, Session):
            self._release = record.kernel
            return record
        whole: Any = record
        kind: Any = type(record)
        changes = {}
        for name in _members(kind):
            value = getattr(whole, name)
            if type(value) not in _PLAIN and (changed := self._value(name, value)) is not None:
                changes[name] = changed
        annotated: T = replace(whole, **changes) if changes else record
        return annotated

    def _value(self, name: str, value: Any) -> Any:
        """None: it stays."""
        if is_dataclass(value) and not isinstance(value, type):
            changed: Any = self.of(value)
        elif name in _STACKS and value and isinstance(value, tuple):
            changed = self._placed(value)
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            changed = tuple(self.of(item) for item in value)
        else:
            return None
        return changed if changed != value else None

    def _placed(self, stack: Stack) -> Stack:
        """Most stacks of a trace are there again and again."""
        key = (self._release, stack)
        if key not in self._known:
            if len(self._known) >= MAX_STACKS:
                self._known.clear()
            found = self._source.of(stack, self._release)
            self._known[key] = tuple(told(frame, places) for frame, places in found)
        return self._known[key]


@functools.cache
def _members(kind: Any) -> tuple[str, ...]:
    """Of a dataclass: looking at fields is slow."""
    return tuple(item.name for item in fields(kind))


def told(frame: str, places: Places) -> str:
    """ "do_exit+0x6b (coredump_task_exit at kernel/exit.c:425, kernel/exit.c:871)": what is inlined
    there has its function's name."""
    if not places:
        return frame
    *inlined, own = places
    return f"{frame} ({', '.join([*inlined, own.rpartition(' at ')[2]])})"
