"""Known bugs as text and as JSON."""

from typing import Any

from ktrace.events import to_json
from ktrace.known_bugs import Recognised
from ktrace.views.safe_text import safe


def line(known: Recognised) -> str:
    """ "known bug?: ..., fixed in 5.16, 5.15.11 by ae8709b296d8; this is 5.15.8: not fixed here
    (URL)". That a stack has the same functions is no proof."""
    bug = known.bug
    fix = "no fix known"
    if bug.mainline:
        releases = ", ".join([bug.mainline, *bug.stable.values()])
        fix = f"fixed in {safe(releases)} by {safe(bug.commit)}"
    return f"known bug: {safe(bug.title)}, {fix}; {_here(known)} ({safe(bug.source)})"


def as_json(known: Recognised) -> dict[str, Any]:
    return {**to_json(known.bug), "kernel": known.kernel, "fixed": known.fixed}


def _here(known: Recognised) -> str:
    if not known.kernel:
        return "its release is not told"
    here = {True: "it has the fix", False: "not fixed here"}.get(
        known.fixed,  # type: ignore[arg-type]
        "not fixed here as far as known, unless its distribution has the fix",
    )
    return f"this is {safe(known.kernel)}: {here}"
