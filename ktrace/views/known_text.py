"""Known bugs as text and as JSON."""

from typing import Any

from ktrace.events import to_json
from ktrace.known_bugs import Recognised
from ktrace.views.safe_text import safe

_HERE = {True: "it has the fix", False: "not fixed", None: "not known whether it has the fix"}


def line(known: Recognised) -> str:
    """ "known bug: ..., fixed in 6.12 by b8e753128ed0; this is 6.1.0: not fixed (URL)"."""
    bug = known.bug
    releases = ", ".join([bug.mainline, *bug.stable.values()])
    this = "its release is not told"
    if known.kernel:
        this = f"this is {safe(known.kernel)}: {_HERE[known.fixed]}"
    return (
        f"known bug: {safe(bug.title)}, fixed in {safe(releases)} by {safe(bug.commit)}; {this} "
        f"({safe(bug.source)})"
    )


def as_json(known: Recognised) -> dict[str, Any]:
    return {**to_json(known.bug), "kernel": known.kernel, "fixed": known.fixed}
