"""Known bugs as text and as JSON. The catalogue is read only where there is a finding to look for
in it; a live run does so before it traces: at its end the disk may hang."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ktrace.detectors.analysis import Analysis
from ktrace.events import to_json
from ktrace.findings import Finding
from ktrace.plural import count
from ktrace.views import words
from ktrace.views.safe_text import safe

if TYPE_CHECKING:
    from ktrace.known_bugs import Catalogue, Recognised


def line(known: "Recognised") -> str:
    """ "known bug: ..., fixed in 5.16, 5.15.11 by ae8709b296d8; this is 5.15.8: not fixed here
    (URL)". That a stack has the same functions is no proof."""
    bug = known.bug
    fix = "no fix known"
    if bug.mainline:
        releases = ", ".join([bug.mainline, *bug.stable.values()])
        fix = f"fixed in {safe(releases)} by {safe(bug.commit)}"
    return f"known bug: {safe(bug.title)}, {fix}; {_here(known)} ({safe(bug.source)})"


def prepare() -> None:
    """Read ktrace's own catalogue now, if that can be; else summary() says why not."""
    from ktrace.known_bugs import own

    with suppress(OSError, ValueError):
        own()


def summary(analysis: Analysis, known: "Catalogue | None" = None) -> list[str]:
    """The known bugs of a run, each once, with where it was seen."""
    if not analysis.stacks:
        return []
    from ktrace.known_bugs import own

    try:
        known = known or own()
    except (OSError, ValueError) as error:
        return [f"known bugs were not looked for: {safe(str(error))}"]
    seen: dict[str, list[str]] = {}
    for finding in analysis.stacks.values():
        for recognised in known.of(finding, analysis.session.kernel):
            seen.setdefault(line(recognised), []).append(_name(finding))
    return [f"{text}, seen in {_names(names)}" for text, names in seen.items()]


def _name(finding: Finding) -> str:
    """ "stuck-task reader[377]"."""
    comm, pid = getattr(finding, "comm", None), getattr(finding, "pid", None)
    name = words.task_name(comm, pid, getattr(finding, "tid", None)) if comm else ""
    return f"{safe(finding.finding)} {name}".rstrip()


def _names(names: list[str]) -> str:
    """Of one for each stack."""
    more = len(names) - 1
    return names[0] + (f" and in {count(more, 'other stack')}" if more else "")


def as_json(known: "Recognised") -> dict[str, Any]:
    return {**to_json(known.bug), "kernel": known.kernel, "fixed": known.fixed}


def _here(known: "Recognised") -> str:
    if not known.kernel:
        return "its release is not told"
    if not known.bug.mainline:
        return f"this is {safe(known.kernel)}"
    here = {True: "it has the fix", False: "not fixed here"}.get(
        known.fixed,  # type: ignore[arg-type]
        "not fixed here as far as known, unless its distribution has the fix",
    )
    return f"this is {safe(known.kernel)}: {here}"
