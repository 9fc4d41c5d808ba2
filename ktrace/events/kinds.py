"""Every kind of event, by its name in JSON."""

from ktrace.events.alarms import Alarm
from ktrace.events.allocations import (
    AllocationSite,
    AllocationsLeftOut,
    BlocksStolen,
    FreeBlocks,
)
from ktrace.events.event import Event
from ktrace.events.locks import HeldLocks
from ktrace.events.memory import OomMemory
from ktrace.events.oom import (
    OomActivity,
    OomAdjust,
    OomDomain,
    OomKill,
    OomReap,
    OomReaped,
    OomReport,
    OomUnreaped,
    OomVictim,
    OutOfMemory,
)
from ktrace.events.pages import BadPage, EarlierBadPage, MemoryFault
from ktrace.events.squashfs import SquashfsCounts
from ktrace.events.tasks import (
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
from ktrace.events.waits import TaskWait

EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        OutOfMemory,
        OomKill,
        OomVictim,
        OomReap,
        OomAdjust,
        OomActivity,
        OomDomain,
        OomMemory,
        FatalSignal,
        TaskExit,
        TaskDead,
        TaskState,
        TaskRuns,
        TaskHung,
        TaskWait,
        AllocationSite,
        AllocationsLeftOut,
        FreeBlocks,
        BlocksStolen,
        SquashfsCounts,
        BadPage,
        EarlierBadPage,
        MemoryFault,
        OomReport,
        OomReaped,
        OomUnreaped,
        HungReport,
        TaskDump,
        HeldLocks,
        Alarm,
        Walk,
        Lost,
        ProbeChange,
    )
}
