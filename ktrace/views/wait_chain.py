"""A wait chain as text: what a stuck thread waits for, who holds that, to the end of the chain."""

from dataclasses import dataclass

from ktrace.findings import BlockedTask, Blocker, Release, StuckTask, WaitsFor
from ktrace.views.safe_text import safe
from ktrace.views.words import count, task_name

_NAMES_SHOWN = 4
_INDENT = "  "
_KINDS = {
    "block-io": "block I/O",
    "pid-namespace": "PID namespace",
    "fuse": "FUSE",
    "rcu": "RCU",
    "io-uring": "io_uring",
    "coredump": "core dump",
    "direct-io": "direct I/O",
    "unix-socket": "Unix socket",
    "nfs": "NFS",
}


def chain_lines(finding: StuckTask | BlockedTask) -> list[str]:
    """From the thread itself to the end; each link set in under the one that it blocks."""
    lines = [f"waits for {waited_for(finding.waits_for)}"] if finding.waits_for else []
    if finding.blocked_by:
        return lines + _tree(finding.blocked_by, finding.blockers_left_out, "")
    return lines + release_lines(finding.release)


def waited_for(wait: WaitsFor) -> str:
    """ "mutex: f_pos_lock of an open file"; the address where nothing else names it."""
    what = safe(wait.detail) or f"at {safe(wait.object)}"
    return f"{safe(_KINDS.get(wait.kind, wait.kind.replace('-', ' ')))}: {what}"


def release_lines(release: Release | None) -> list[str]:
    """What ends a wait, and the command for it."""
    if release is None:
        return []
    command = f" (`{safe(release.command)}`)" if release.command else ""
    return [f"to release: {safe(release.text)}{command}"]


def root(finding: StuckTask | BlockedTask) -> str:
    """The end of the chain, which is the one thing to look at: "frozen file system: ext4 on sda1
    (/data)", "sh[7] running"; empty where nothing is known."""
    last = _end_of_chain(finding)
    if last is None:
        return waited_for(finding.waits_for) if finding.waits_for else ""
    name = task_name(last.comm, last.pid, last.tid)
    if last.cycle_to is not None:
        return f"DEADLOCK with {name}"
    return waited_for(last.wait) if last.wait else f"{name}, {safe(last.state)}"


def root_release(finding: StuckTask | BlockedTask) -> list[str]:
    """What releases the end of the chain."""
    last = _end_of_chain(finding)
    return release_lines(finding.release if last is None else last.release)


def _end_of_chain(finding: StuckTask | BlockedTask) -> Blocker | None:
    """By the first blocker each time; None where nobody blocks the thread."""
    if not finding.blocked_by:
        return None
    last = finding.blocked_by[0]
    while last.blocked_by:
        last = last.blocked_by[0]
    return last


@dataclass(frozen=True, slots=True)
class _Alike:
    """Blockers of one wait that differ in nothing but their names."""

    first: Blocker
    names: list[str]


def _tree(blockers: tuple[Blocker, ...], left_out: int, indent: str) -> list[str]:
    lines = []
    for alike in _grouped(blockers):
        lines += [indent + line for line in _link(alike)]
        lines += _tree(alike.first.blocked_by, alike.first.blockers_left_out, indent + _INDENT)
    more = f"blocked by {count(left_out, 'more thread')}, not listed"
    return lines + ([indent + more] if left_out else [])


def _grouped(blockers: tuple[Blocker, ...]) -> list[_Alike]:
    groups: dict[object, _Alike] = {}
    for blocker in blockers:
        key = (
            blocker.state,
            blocker.function,
            blocker.why,
            blocker.wait,
            blocker.blocked_by,
            blocker.cycle_to,
        )
        alike = groups.setdefault(key, _Alike(blocker, []))
        alike.names.append(task_name(blocker.comm, blocker.pid, blocker.tid))
    return [*groups.values()]


def _link(alike: _Alike) -> list[str]:
    blocker, names = alike.first, alike.names
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    shown += f" and {more} more" if more > 0 else ""
    where = f" in {safe(blocker.function)}" if blocker.function else ""
    each = "each " if len(names) > 1 else ""
    killed = ", killed too" if blocker.killed else ""
    line = f"blocked by {shown} ({safe(blocker.state)}{where}{killed}): {each}{safe(blocker.why)}"
    if blocker.cycle_to is not None:
        return [f"{line}: DEADLOCK, the chain leads back to it"]
    lines = [line]
    if blocker.wait:
        lines.append(f"{_INDENT}waits for {waited_for(blocker.wait)}")
    if not blocker.blocked_by:
        lines += [_INDENT + text for text in release_lines(blocker.release)]
    return lines
