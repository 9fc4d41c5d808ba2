"""A trace without what identifies a machine and its users, so that a report of it can be shared.

Names of tasks, hosts, boots, cgroups and paths become pseudonyms, the same for the same name in all
files of one command; the arguments of COMMAND and the lines of page_owner are left out. Virtual
addresses of the kernel go where text is printed (hide_addresses), because detectors need them.
Symbols, modules, process ids, sizes, times and physical addresses stay.
"""

import re
import typing
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ktrace.errors import UsageError
from ktrace.task_filter import TaskFilter
from ktrace.typed_json import Hex

T = TypeVar("T")

_NAMES = {
    "comm": "task",
    "host": "host",
    "boot_id": "boot",
    "boot": "boot",
    "target": "target",
    "unit": "unit",
    "container": "container",
    "pod": "pod",
}
_CGROUPS = ("memcg", "cgroup", "domain")
_TEXTS = (
    "detail",
    "text",
    "command",
    "why",
    "warnings",
    "evidence",
)  # sentences in which paths may be
_LEFT_OUT = ("owner", "argv")
_PATH = re.compile(r"(?<![\w/])/[^\s)`'\",]+")
_ADDRESS = re.compile(r"\b(?:0x)?[89a-f]{4}[0-9a-f]{12}\b", re.IGNORECASE)


def hide_addresses(text: str) -> str:
    """Without virtual addresses of the kernel, which lie in the upper half."""
    return _ADDRESS.sub("(address)", text)


class Redaction:
    """Knows the pseudonyms that it has given."""

    def __init__(self) -> None:
        self._pseudonyms: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, record: T) -> T:
        """The same record with pseudonyms. Raises UsageError."""
        if isinstance(record, TaskFilter):  # a pattern fits no pseudonym
            raise UsageError("cannot redact a trace that was recorded with a filter of tasks")
        changes: dict[str, Any] = {}
        whole: Any = record
        hints = typing.get_type_hints(type(whole), include_extras=True)
        for item in fields(whole):
            old = getattr(whole, item.name)
            new = self._value(item.name, old, hints[item.name])
            if new is not old:
                changes[item.name] = new
        redacted: T = replace(whole, **changes) if changes else record
        return redacted

    def _value(self, name: str, value: Any, hint: Any) -> Any:
        if name in _LEFT_OUT:
            return ("...",) if value else value
        if is_dataclass(value):
            return self.of(value)
        if isinstance(value, tuple):
            return tuple(self._value(name, item, str) for item in value)
        is_number = Hex in (hint, *typing.get_args(hint))  # memcg of a struct page is one
        if not isinstance(value, str) or not value or is_number:
            return value
        if name in _NAMES:
            return self._pseudonym(_NAMES[name], value)
        if name in _CGROUPS:
            return "/".join(
                self._pseudonym("cg", part) if part else "" for part in value.split("/")
            )
        if name in _TEXTS:
            return _PATH.sub(lambda match: self._pseudonym("path", match.group()), value)
        return value

    def _pseudonym(self, kind: str, name: str) -> str:
        key = (kind, name)
        if key not in self._pseudonyms:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._pseudonyms[key] = f"{kind}{self._counts[kind]}"
        return self._pseudonyms[key]
