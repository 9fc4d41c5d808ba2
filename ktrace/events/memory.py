"""The machine's memory: how it was when the OOM killer came."""

from typing import ClassVar

from ktrace.events.event import Event
from ktrace.events.oom import MemoryCount
from ktrace.record import record


@record
class Zone:
    """A zone of /proc/zoneinfo. Sizes are KiB."""

    name: str  # DMA, DMA32, Normal, HighMem, Movable
    node: int
    free_kib: int
    min_kib: int  # the watermarks
    low_kib: int
    high_kib: int
    managed_kib: int


@record
class Counted:
    """By how much a counter of /proc/vmstat has grown."""

    name: str
    number: int


@record
class Stalled:
    """From /proc/pressure/memory: seconds in which some task, or all, waited for memory."""

    some_s: float
    full_s: float


@record(kw_only=True)
class OomMemory(Event):
    """The machine's memory at the last look before OOM kills, and what had changed since the first.

    Looks are made once a second. Empty, None: this kernel does not tell.
    """

    name: ClassVar[str] = "oom_memory"
    looked_t: float  # of the last look before the kill; the first one after it, where none was
    over_s: float  # seconds between the two looks; 0: there was one only
    page_kib: int
    memory: tuple[MemoryCount, ...]  # of /proc/meminfo, at the last look
    left: tuple[MemoryCount, ...]  # the same at t, after the kill: what no kill has freed
    grown: tuple[MemoryCount, ...]  # the same, by how much more than at the first; may be negative
    zones: tuple[Zone, ...]  # at the last look
    counted: tuple[Counted, ...]  # between the two
    stalled: Stalled | None  # between the two
