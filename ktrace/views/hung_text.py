"""Hung tasks as text, those with the same stack together."""

from collections.abc import Iterable

from ktrace.findings import Blocker, Finding, HungTask
from ktrace.views import words
from ktrace.views.alarm_text import stack_line, where
from ktrace.views.safe_text import safe

_NAMES = 6
_HOW = {
    "blocked": "blocked",
    "io_wait": "blocked in I/O wait",
    "cannot_die": "killed and unable to die",
}


def line(finding: HungTask) -> str:
    """ "HUNG: app[377] blocked for more than 120 s, in do_last, mutex_lock: ... (lines 3-20)"."""
    name = words.task_name(finding.comm, finding.pid)
    return f"HUNG: {name} {_how(finding)}{_wait(finding)}{where(finding.lines)}"


def details(finding: HungTask) -> list[str]:
    """The stack in a line, who holds what it waits for."""
    return [stack_line(finding.stack, finding.unreliable), *_blockers(finding.blocked_by)]


def _blockers(blockers: tuple[Blocker, ...], depth: int = 0) -> list[str]:
    """ "blocked by app[42], running in foo: holds rtnl_mutex", and what blocks that one."""
    lines = []
    for blocker in blockers:
        name = words.task_name(blocker.comm, blocker.pid)
        running = ", running" if blocker.state == "running" else ""
        inside = f"{'' if running else ','} in {safe(blocker.function)}" if blocker.function else ""
        why = ", ".join(map(safe, (blocker.why, *blocker.evidence)))
        cycle = " (it is further up: a deadlock)" if blocker.cycle_to else ""
        lines.append(f"{'  ' * depth}blocked by {name}{running}{inside}: {why}{cycle}")
        lines += _blockers(blocker.blocked_by, depth + 1)
    return lines


def prose(finding: HungTask) -> dict[str, list[str]]:
    return {}


def grouped(findings: Iterable[HungTask]) -> list[list[HungTask]]:
    """Those that hang in the same place together, in the order of the log."""
    groups: dict[str, list[HungTask]] = {}
    for finding in findings:
        key = finding.signature if finding.stack else finding.id
        groups.setdefault(key, []).append(finding)
    return [*groups.values()]


def group_line(group: list[HungTask]) -> str:
    """ "HUNG: 12 tasks blocked for more than 120 s, in do_last, mutex_lock: ...: app[377], ..."."""
    if len(group) == 1:
        return line(group[0])
    longest = max(group, key=lambda finding: finding.seconds or 0)
    shown = ", ".join(words.task_name(finding.comm, finding.pid) for finding in group[:_NAMES])
    more = f" and {len(group) - _NAMES} more" if len(group) > _NAMES else ""
    return (
        f"HUNG: {len(group)} tasks {_how(longest)}{_wait(longest)}: {shown}{more}"
        f"{where(group[0].lines)}"
    )


def _how(finding: HungTask) -> str:
    how = _HOW.get(finding.how, "blocked")
    return how if finding.seconds is None else f"{how} for more than {finding.seconds} s"


def _wait(finding: HungTask) -> str:
    if finding.wait is None:
        return ""
    function, primitive = safe(finding.wait.function), safe(finding.wait.primitive)
    return f", in {function}, {primitive}: SIGKILL cannot wake it"


def hung_tasks(findings: list[Finding]) -> list[HungTask]:
    return [finding for finding in findings if isinstance(finding, HungTask)]
