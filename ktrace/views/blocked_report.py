"""Tasks that are blocked now, for a mailing list: the ends of the wait chains, then each chain."""

from collections.abc import Sequence

from ktrace.findings import BlockedTask
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines, root, root_release

_NAMES_SHOWN = 8


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


def name_of(finding: BlockedTask) -> str:
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
    names = ", ".join(name_of(task) for task in tasks[:_NAMES_SHOWN])
    more = len(tasks) - _NAMES_SHOWN
    names += f" and {more} more" if more > 0 else ""
    where = f" in {safe(first.wait.function)}, {safe(first.wait.primitive)}" if first.wait else ""
    killed = sum(task.killed for task in tasks)
    doomed = f"; {words.count(killed, 'task')} killed" if killed else ""
    lines = fit(f"{names}: {safe(first.state)}{where}{doomed}")
    lines += [f"    {safe(frame)}" for frame in first.stack]
    return lines + [part for text in chain_lines(first) for part in fit(f"  {text}")]
