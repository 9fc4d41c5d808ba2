"""How the views show tasks that are blocked now."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.findings import BlockedTask
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines, root, root_release

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told

_NAMES_SHOWN = 8


def line(finding: BlockedTask) -> str:
    """ "BLOCKED: cp[20] uninterruptible in folio_wait_bit, ... for at least 1.0s"."""
    where = f" in {safe(finding.wait.function)}" if finding.wait else ""
    killed = ", killed" if finding.killed else ""
    return (
        f"BLOCKED: {_name(finding)} {safe(finding.state)}{where} "
        f"for at least {words.seconds(finding.blocked_s)}{killed}"
    )


def details(finding: BlockedTask) -> list[str]:
    """The stack in a line, who blocks it."""
    lines = []
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


def section(blocked: Sequence[BlockedTask]) -> list[str]:
    """The ends of the chains first, then each chain with its stack once."""
    if not blocked:
        return ["No task is blocked.", ""]
    lines = []
    for end, tasks in _by_root(blocked).items():
        verb = "waits" if len(tasks) == 1 else "wait"
        what = end or "something that is not known"
        who = words.count(len(tasks), "task")
        lines += fit(f"{who} {verb}, directly or not, for {what}")
        lines += [part for text in root_release(tasks[0]) for part in fit(f"  {text}")]
        lines.append("")
    for tasks in _by_chain(blocked):
        lines += [*_group(tasks), ""]
    return lines


def summary(analysis: Analysis, brief: bool) -> list[str]:
    number = analysis.found["stuck"]
    seconds = words.seconds(analysis.session.stuck_after)
    if not analysis.measured("task"):
        return ["blocked tasks: not measured, the tasks cannot be walked here"]
    if not number:
        return [f"no task was in the same sleep in D for {seconds}"]
    verb = "is" if number == 1 else "are"
    return [f"{words.count(number, 'task')} {verb} blocked, for at least {seconds}"]


def _name(finding: BlockedTask) -> str:
    return words.task_name(finding.comm, finding.pid, finding.tid)


def _by_root(blocked: Sequence[BlockedTask]) -> dict[str, list[BlockedTask]]:
    """By what they wait for in the end: most tasks first."""
    groups: dict[str, list[BlockedTask]] = {}
    for finding in blocked:
        groups.setdefault(root(finding), []).append(finding)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def _by_chain(blocked: Sequence[BlockedTask]) -> list[list[BlockedTask]]:
    """By the object that they wait for first, and by stack second."""
    groups: dict[object, list[BlockedTask]] = {}
    for finding in blocked:
        key = (finding.waits_for, finding.blocked_by, finding.state, finding.stack)
        groups.setdefault(key, []).append(finding)
    return sorted(groups.values(), key=lambda tasks: -len(tasks))


def _group(tasks: Sequence[BlockedTask]) -> list[str]:
    first = tasks[0]
    names = ", ".join(_name(task) for task in tasks[:_NAMES_SHOWN])
    more = len(tasks) - _NAMES_SHOWN
    names += f" and {more} more" if more > 0 else ""
    where = f" in {safe(first.wait.function)}, {safe(first.wait.primitive)}" if first.wait else ""
    killed = sum(task.killed for task in tasks)
    doomed = f"; {words.count(killed, 'task')} killed" if killed else ""
    lines = fit(f"{names}: {safe(first.state)}{where}{doomed}")
    lines += [f"    {safe(frame)}" for frame in first.stack]
    return lines + [part for text in chain_lines(first) for part in fit(f"  {text}")]
