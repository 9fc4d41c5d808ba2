"""What all events have in common."""

from typing import ClassVar

from ktrace.record import record

Stack = tuple[str, ...]  # symbols, innermost first: "squashfs_cache_get+0x323 [squashfs]"


@record
class Task:
    """A thread: pid is its thread group's id."""

    pid: int
    tid: int
    comm: str


@record
class ContainerNames:
    """What its runtime calls a container. None: not known."""

    container: str | None
    pod: str | None
    namespace: str | None  # of Kubernetes


@record(kw_only=True)
class Event:
    """Something that the kernel did at time t."""

    name: ClassVar[str]
    t: float
