"""A trace without what identifies a machine and its users, so that a report of it can be shared.

As of `record --redact` (nameless.py), which says what is a word of the kernel and what may be a
name; but for a reader: pseudonyms are numbered, the same for the same name in all files of one
command, and sentences in which names may be are "...". Virtual addresses of the kernel go where
text is printed (hide_addresses), because detectors need them.
"""

import re
from typing import TypeVar

from ktrace.errors import UsageError
from ktrace.nameless import LEFT_OUT, Nameless
from ktrace.task_filter import TaskFilter

T = TypeVar("T")

_SENTENCES = frozenset({"detail", "text", "command", "within", "title"})
_ADDRESS = re.compile(r"\b(?:0x)?[89a-f]{4}[0-9a-f]{12}\b", re.IGNORECASE)


def hide_addresses(text: str) -> str:
    """Without virtual addresses of the kernel, which lie in the upper half."""
    return _ADDRESS.sub("(address)", text)


class Redaction(Nameless):
    """Knows the pseudonyms that it has given."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, record: T) -> T:
        """The same record with pseudonyms. Raises UsageError."""
        if isinstance(record, TaskFilter):  # a pattern fits no pseudonym
            raise UsageError("cannot redact a trace that was recorded with a filter of tasks")
        return super().of(record)

    def number(self, text: str) -> str:
        """As it is: see hide_addresses."""
        return text

    def _pseudonym(self, kind: str, name: str) -> str:
        if kind in _SENTENCES:
            return LEFT_OUT
        number = self._numbers.get((kind, name))
        if number is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            number = self._numbers[kind, name] = f"{kind}{self._counts[kind]}"
        return number
