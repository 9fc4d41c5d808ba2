"""Bad pages that this boot's kernel log already has when ktrace starts.

A cell that is stuck from power-on is reported before user space runs.
"""

from contextlib import closing

from ktrace.events import BadPage
from ktrace.sources.log.kmsg import KernelLog
from ktrace.sources.log.source import KernelLogSource


def earlier_reports(boot: str, before: float) -> list[BadPage]:
    """Those up to the time `before`, in their order; `boot` is the id of this boot.

    Their struct pages are hashed addresses or none at all: the physical cell is not known.
    Raises OSError where the log may not be read.
    """
    with closing(KernelLog()) as log:
        events = [*KernelLogSource(log, boot).events()]
    return [event for event in events if isinstance(event, BadPage) and event.t <= before]
