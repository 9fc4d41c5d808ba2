"""Where wait chains end, which is the one thing to look at: shown before the chains."""

from collections.abc import Sequence

from ktrace.findings import BlockedTask, Blocker, StuckTask
from ktrace.views.deadlock import deadlock, members, release
from ktrace.views.fit import fit
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import release_lines, waited_for
from ktrace.views.words import count, task_name

_Finding = StuckTask | BlockedTask
_NAMES_SHOWN = 3


def root(finding: _Finding) -> str:
    """The end of the chain: "frozen file system: ext4 on sda1 (/data)", "sh[7] running", "a
    deadlock with sh[7]"; empty where nothing is known."""
    others = members(finding)
    if others:
        more = f" and {len(others) - _NAMES_SHOWN} more" if len(others) > _NAMES_SHOWN else ""
        return f"a deadlock with {', '.join(others[:_NAMES_SHOWN])}{more}"
    last = _end_of_chain(finding)
    if last is None:
        return waited_for(finding.waits_for) if finding.waits_for else ""
    name = task_name(last.comm, last.pid, last.tid)
    return waited_for(last.wait) if last.wait else f"{name}, {safe(last.state)}"


def first_line(finding: _Finding) -> list[str]:
    """Of a single task: its deadlock, or the end of a chain that has more than one link."""
    cycle = deadlock(finding)
    if cycle:
        return [cycle]
    return [f"waits in the end for {root(finding)}"] if finding.blocked_by else []


def root_section(found: Sequence[_Finding], noun: str) -> list[str]:
    """ "312 threads wait, directly or not, for jbd2/sda1-8[412], running", what releases that; the
    deadlocks first, then what most wait for. noun: "thread"."""
    lines = []
    for end, waiting in _by_root(found).items():
        first = waiting[0]
        verb = "waits" if len(waiting) == 1 else "wait"
        what = end or "something that is not known"
        lines += fit(f"{count(len(waiting), noun)} {verb}, directly or not, for {what}")
        below = [deadlock(first)] if deadlock(first) else []
        for text in (*below, *_release(first)):
            lines += fit(f"  {text}")
        lines.append("")
    return lines


def _by_root(found: Sequence[_Finding]) -> dict[str, list[_Finding]]:
    groups: dict[str, list[_Finding]] = {}
    for finding in found:
        groups.setdefault(root(finding), []).append(finding)
    return dict(sorted(groups.items(), key=_order))


def _order(group: tuple[str, list[_Finding]]) -> tuple[bool, int]:
    return (not members(group[1][0]), -len(group[1]))


def _release(finding: _Finding) -> list[str]:
    """What releases the end of the chain, or ends the cycle."""
    if members(finding):
        return release_lines(release(finding))
    last = _end_of_chain(finding)
    return release_lines(finding.release if last is None else last.release)


def _end_of_chain(finding: _Finding) -> Blocker | None:
    """By the first blocker each time; None where nobody blocks it."""
    last = None
    beneath = finding.blocked_by
    while beneath and beneath[0].cycle_to is None:
        last = beneath[0]
        beneath = last.blocked_by
    return last
