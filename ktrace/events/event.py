"""What all events have in common."""

from dataclasses import dataclass
from typing import ClassVar

Stack = tuple[str, ...]  # symbols, innermost first: "squashfs_cache_get+0x323 [squashfs]"


@dataclass(frozen=True, slots=True)
class Task:
    """A thread: pid is its thread group's id."""

    pid: int
    tid: int
    comm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the kernel did at time t."""

    name: ClassVar[str]
    t: float
