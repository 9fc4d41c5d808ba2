"""A wait chain as text: what a stuck thread waits for, who holds that, to the end of the chain."""

from ktrace.findings import BlockedTask, Blocker, Release, StuckTask, WaitsFor
from ktrace.kernel.wait_functions import function_of
from ktrace.record import record
from ktrace.views.safe_text import safe
from ktrace.views.words import count, seconds, task_name

_NAMES_SHOWN = 4
_FRAMES_SHOWN = 4
_WORTH_TELLING_S = 1.0  # of a sleep
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
    "cpu-bandwidth": "CPU bandwidth",
    "io-cost": "io.cost",
}


def chain_lines(finding: StuckTask | BlockedTask) -> list[str]:
    """From the thread itself to the end; each link set in under the one that it blocks."""
    lines = [f"waits for {waited_for(finding.waits_for)}"] if finding.waits_for else []
    if finding.blocked_by:
        return lines + _tree(finding.blocked_by, finding.blockers_left_out, finding.t, "")
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


@record
class _Alike:
    """Blockers of one wait that differ in nothing but their names."""

    first: Blocker
    names: list[str]


def _tree(blockers: tuple[Blocker, ...], left_out: int, t: float, indent: str) -> list[str]:
    lines = []
    for alike in _grouped(blockers):
        lines += [indent + line for line in _link(alike, t)]
        lines += _tree(alike.first.blocked_by, alike.first.blockers_left_out, t, indent + _INDENT)
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
            blocker.runs,
        )
        alike = groups.setdefault(key, _Alike(blocker, []))
        alike.names.append(task_name(blocker.comm, blocker.pid, blocker.tid))
    return [*groups.values()]


def _slept(blocker: Blocker, t: float) -> str:
    """ " for 3.2s", where it is known and not only just begun."""
    slept = 0.0 if blocker.since is None else t - blocker.since
    return f" for {seconds(slept)}" if slept >= _WORTH_TELLING_S else ""


def _running(blocker: Blocker) -> str:
    """ " on CPU 1 in shrink_node < do_try_to_free_pages": of one that runs."""
    if blocker.state != "running":
        return ""
    if blocker.runs is None:
        return ", where is not known"
    cpu = "" if blocker.runs.cpu is None else f" on CPU {blocker.runs.cpu}"
    frames = [safe(function_of(frame)) for frame in blocker.runs.stack[:_FRAMES_SHOWN]]
    return f"{cpu} in {' < '.join(frames) or 'user space'}"


def _link(alike: _Alike, t: float) -> list[str]:
    blocker, names = alike.first, alike.names
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    shown += f" and {more} more" if more > 0 else ""
    where = f" in {safe(blocker.function)}" if blocker.function else _running(blocker)
    each = "each " if len(names) > 1 else ""
    where += _slept(blocker, t)
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
