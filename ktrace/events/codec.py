"""Events as JSON objects, and back."""

import functools
from dataclasses import fields, is_dataclass
from typing import Any

from ktrace.events.event import Event
from ktrace.events.kinds import EVENTS
from ktrace.typed_json import build, json_key


def to_json(record: Any) -> Any:
    """A dataclass as plain JSON types; an event also says its kind and name."""
    if type(record) in _PLAIN:
        return record
    if isinstance(record, tuple | list):
        return [to_json(item) for item in record]
    if is_dataclass(record):
        kind: Any = type(record)
        head, names = _shape(kind)
        return head | {key: to_json(getattr(record, name)) for key, name in names}
    return record


_PLAIN = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _shape(kind: Any) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """What a record's JSON begins with, its keys and members: looking at fields is slow."""
    head = {"kind": "event", "event": kind.name} if issubclass(kind, Event) else {}
    return head, tuple((json_key(f.name), f.name) for f in fields(kind))


def from_json(data: dict[str, Any]) -> Event:
    """The event of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = EVENTS.get(str(data.get("event")))
    if kind is None:
        raise ValueError(f"unknown event {str(data.get('event'))!r:.60}")
    return build(kind, data, kind.name)
