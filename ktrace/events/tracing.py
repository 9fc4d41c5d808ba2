"""What ktrace did itself: walks, losses, probes that came and went."""

from typing import ClassVar

from ktrace.events.event import Event
from ktrace.record import record


@record(kw_only=True)
class Walk(Event):
    """All tasks have been looked at: whoever has no TaskState since started_t is not killed.

    unchanged: so many tasks are as their newest TaskState says, which is not told again: all that
    were ever told and not found dead since, but for those with a TaskState since started_t, and
    the tids that are gone. None: nothing was left out.
    """

    name: ClassVar[str] = "walk"
    started_t: float
    complete: bool
    unchanged: int | None = None
    gone: tuple[int, ...] = ()


@record(kw_only=True)
class Lost(Event):
    """Events did not reach ktrace; count is the total since the start, per kind of event."""

    name: ClassVar[str] = "lost"
    what: str
    count: int


@record(kw_only=True)
class ProbeChange(Event):
    """A probe was attached or lost while tracing: its module came or went."""

    name: ClassVar[str] = "probe_change"
    function: str
    hook: str
    state: str
    why: str
