"""Typed records of what a kernel did, whatever source they come from.

Times are seconds of CLOCK_BOOTTIME, rounded to microseconds. Bits that mean something only to the
kernel that set them (task state, gfp mask, addresses) are decoded by the source, so that a trace
can be read on another machine; addresses and masks are kept beside as hexadecimal strings.
"""

from ktrace.events.alarms import Alarm
from ktrace.events.allocations import (
    AllocationSite,
    AllocationsLeftOut,
    BlocksStolen,
    FreeBlocks,
    Steal,
    TypeBlocks,
    ZoneBlocks,
)
from ktrace.events.codec import from_json, to_json
from ktrace.events.event import ContainerNames, Event, Stack, Task
from ktrace.events.kinds import EVENTS
from ktrace.events.locks import HeldLock, HeldLocks, TaskLocks
from ktrace.events.memory import Counted, OomMemory, Stalled, Zone
from ktrace.events.oom import (
    DomainTask,
    MemoryCount,
    OomActivity,
    OomAdjust,
    OomCaller,
    OomDomain,
    OomKill,
    OomReap,
    OomReaped,
    OomReport,
    OomTask,
    OomUnreaped,
    OomVictim,
    OutOfMemory,
)
from ktrace.events.pages import (
    BadPage,
    EarlierBadPage,
    MemoryFault,
    PageOwner,
    Sign,
    Trigger,
)
from ktrace.events.squashfs import (
    FILES,
    CacheState,
    CacheUse,
    FileUse,
    Longest,
    ProbeCost,
    SquashfsCall,
    SquashfsCounts,
)
from ktrace.events.tasks import (
    ExitLeft,
    FatalSignal,
    HungReport,
    TaskDead,
    TaskDump,
    TaskExit,
    TaskHung,
    TaskRuns,
    TaskState,
)
from ktrace.events.tracing import Lost, ProbeChange, Walk
from ktrace.events.waits import Holder, TaskWait

__all__ = [
    "EVENTS",
    "FILES",
    "Alarm",
    "AllocationSite",
    "AllocationsLeftOut",
    "BadPage",
    "BlocksStolen",
    "CacheState",
    "CacheUse",
    "ContainerNames",
    "Counted",
    "DomainTask",
    "EarlierBadPage",
    "Event",
    "ExitLeft",
    "FatalSignal",
    "FileUse",
    "FreeBlocks",
    "HeldLock",
    "HeldLocks",
    "Holder",
    "HungReport",
    "Longest",
    "Lost",
    "MemoryCount",
    "MemoryFault",
    "OomActivity",
    "OomAdjust",
    "OomCaller",
    "OomDomain",
    "OomKill",
    "OomMemory",
    "OomReap",
    "OomReaped",
    "OomReport",
    "OomTask",
    "OomUnreaped",
    "OomVictim",
    "OutOfMemory",
    "PageOwner",
    "ProbeChange",
    "ProbeCost",
    "Sign",
    "SquashfsCall",
    "SquashfsCounts",
    "Stack",
    "Stalled",
    "Steal",
    "Task",
    "TaskDead",
    "TaskDump",
    "TaskExit",
    "TaskHung",
    "TaskLocks",
    "TaskRuns",
    "TaskState",
    "TaskWait",
    "Trigger",
    "TypeBlocks",
    "Walk",
    "Zone",
    "ZoneBlocks",
    "from_json",
    "to_json",
]
