"""What the user came for: conclusions, and the records that frame them."""

from ktrace.findings.codec import finding_from_json, finding_to_json
from ktrace.findings.finding import Finding
from ktrace.findings.large_allocation import LargeAllocation, ZoneState
from ktrace.findings.livelock import (
    MemoryChange,
    MmSharer,
    OomEnd,
    OomLivelock,
    ProtectedTask,
    Setter,
    Spinner,
    Undead,
)
from ktrace.findings.logs import AlarmFinding, HungTask
from ktrace.findings.oom_kill import OomKillFinding
from ktrace.findings.pages import BadPageFinding, Cell, PageCorruption, RamCell, StackCount
from ktrace.findings.run import KERNEL_LOG, CommandEnd, End, OwnPace, Probe, Session
from ktrace.findings.squashfs import SquashfsThrash, SquashfsWaiter
from ktrace.findings.tasks import (
    BlockedTask,
    Blocker,
    ExitProgress,
    Killed,
    Outcome,
    Release,
    Runs,
    StuckTask,
    Wait,
    WaitsFor,
)

__all__ = [
    "KERNEL_LOG",
    "AlarmFinding",
    "BadPageFinding",
    "BlockedTask",
    "Blocker",
    "Cell",
    "CommandEnd",
    "End",
    "ExitProgress",
    "Finding",
    "HungTask",
    "Killed",
    "LargeAllocation",
    "MemoryChange",
    "MmSharer",
    "OomEnd",
    "OomKillFinding",
    "OomLivelock",
    "Outcome",
    "OwnPace",
    "PageCorruption",
    "Probe",
    "ProtectedTask",
    "RamCell",
    "Release",
    "Runs",
    "Session",
    "Setter",
    "Spinner",
    "SquashfsThrash",
    "SquashfsWaiter",
    "StackCount",
    "StuckTask",
    "Undead",
    "Wait",
    "WaitsFor",
    "ZoneState",
    "finding_from_json",
    "finding_to_json",
]
