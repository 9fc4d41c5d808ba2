"""struct squashfs_call as part of a look at a task."""

from typing import Any

from ktrace.events import SquashfsCall
from ktrace.sources.live.decode.fields import seconds, text


def squashfs_call(raw: Any) -> SquashfsCall | None:
    """None: the thread has not called."""
    if not raw.t:
        return None
    return SquashfsCall(
        t=seconds(raw.t),
        cache=hex(raw.cache),
        name=text(raw.name),
        device=text(raw.device),
        block=raw.block,
    )
