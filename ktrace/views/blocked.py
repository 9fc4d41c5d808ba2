"""How the views show tasks that are blocked now."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.findings import BlockedTask
from ktrace.views import words
from ktrace.views.blocked_report import name_of, section
from ktrace.views.roots import first_line
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told


def line(finding: BlockedTask) -> str:
    """ "BLOCKED: cp[20] uninterruptible in folio_wait_bit, ... for at least 1.0s"."""
    if finding.status == "resolved":
        return f"no longer blocked: {name_of(finding)}"
    where = f" in {safe(finding.wait.function)}" if finding.wait else ""
    killed = ", killed" if finding.killed else ""
    return (
        f"BLOCKED: {name_of(finding)} {safe(finding.state)}{where} "
        f"for at least {words.seconds(finding.blocked_s)}{killed}"
    )


def details(finding: BlockedTask) -> list[str]:
    """A deadlock or the end of its chain, the stack in a line, who blocks it."""
    lines = [*first_line(finding), *filter(None, [words.belongs_to(finding)])]
    if finding.stack:
        lines.append(" < ".join(safe(frame) for frame in finding.stack[:8]))
    return lines + chain_lines(finding)


def prose(finding: BlockedTask) -> dict[str, list[str]]:
    return {}


def body() -> "Body":
    from ktrace.views.screen_blocked import BlockedBody

    return BlockedBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    found = [versions[-1] for versions in told.values()]
    return section([finding for finding in found if isinstance(finding, BlockedTask)])


def summary(analysis: Analysis, brief: bool) -> list[str]:
    number = analysis.found["stuck"]
    session = analysis.session
    after = session.stuck_after if session.blocked_after is None else session.blocked_after
    seconds = words.seconds(after)
    if not analysis.measured("task"):
        return ["blocked tasks: not measured, the tasks cannot be walked here"]
    if not number:
        return [f"no task was in the same sleep in D for {seconds}"]
    if session.blocked_after is not None:
        return [f"{words.count(number, 'task')} blocked for at least {seconds}, now or before"]
    verb = "is" if number == 1 else "are"
    return [f"{words.count(number, 'task')} {verb} blocked, for at least {seconds}"]
