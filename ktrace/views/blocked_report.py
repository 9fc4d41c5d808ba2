"""Tasks that are blocked now, for a mailing list: the ends of the wait chains, then each chain."""

from collections.abc import Sequence

from ktrace.findings import BlockedTask
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.roots import root_section
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines

_NAMES_SHOWN = 8


def section(blocked: Sequence[BlockedTask]) -> list[str]:
    """The ends of the chains first, then each chain with its stack once."""
    if not blocked:
        return ["No task is blocked.", ""]
    lines = root_section(blocked, "task")
    for tasks in _by_chain(blocked):
        lines += [*_group(tasks), ""]
    return lines


def name_of(finding: BlockedTask) -> str:
    return words.task_name(finding.comm, finding.pid, finding.tid)


def _by_chain(blocked: Sequence[BlockedTask]) -> list[list[BlockedTask]]:
    """By the object that they wait for first, and by stack second."""
    groups: dict[object, list[BlockedTask]] = {}
    for finding in blocked:
        key = (finding.waits_for, finding.blocked_by, finding.state, finding.stack, finding.cgroup)
        groups.setdefault(key, []).append(finding)
    return sorted(groups.values(), key=lambda tasks: -len(tasks))


def _group(tasks: Sequence[BlockedTask]) -> list[str]:
    first = tasks[0]
    names = ", ".join(name_of(task) for task in tasks[:_NAMES_SHOWN])
    left_out = len(tasks) - _NAMES_SHOWN
    names += f" and {left_out} more" if left_out > 0 else ""
    where = f" in {safe(first.wait.function)}, {safe(first.wait.primitive)}" if first.wait else ""
    killed = sum(task.killed for task in tasks)
    doomed = f"; {words.count(killed, 'task')} killed" if killed else ""
    longest = max(task.blocked_s for task in tasks)
    age = (
        f" for at least {words.seconds(longest)}"
        if len(tasks) == 1
        else (f"; the longest for at least {words.seconds(longest)}")
    )
    lines = fit(f"{names}: {safe(first.state)}{where}{age}{doomed}")
    lines += [f"    {safe(frame)}" for frame in first.stack]
    more = [words.belongs_to(first), *chain_lines(first)]
    return lines + [part for text in more if text for part in fit(f"  {text}")]
