"""How the views say things: tasks, times, sizes, outcomes, and what a finding means."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from signal import SIGKILL
from typing import TypeVar

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.events import Task
from ktrace.findings import BlockedTask, ExitProgress, Killed, OomKillFinding, Session, StuckTask
from ktrace.kernel.task_state import MEANING, SIGKILL_WAKES
from ktrace.plural import count as count
from ktrace.views.safe_text import safe

_T = TypeVar("_T")

_POSSIBLE_SHOWN = 16
_ID_SHOWN = 12  # of a container's, as docker and crictl show it


def task_name(comm: str | None, pid: int | None, tid: int | None = None) -> str:
    """ "appd[377]", or "appd[377/381]" for a thread that is not the leader."""
    if pid is None:
        return safe(comm or "?")
    ids = f"{pid}/{tid}" if tid not in (None, pid) else str(pid)
    return f"{safe(comm or '?')}[{ids}]"


def belongs_to(finding: StuckTask | BlockedTask | OomKillFinding) -> str:
    """ "in container 4f1c2d3e5a6b (docker)", "in container app (4f1c2d3e5a6b, containerd) of pod
    shop/web-0", "of cron.service"; "" where nothing is known."""
    parts = []
    if finding.container:
        parts.append(f"in container {_container(finding, finding.container[:_ID_SHOWN])}")
    if finding.pod_name:
        whole = "/".join(filter(None, (finding.namespace, finding.pod_name)))
        parts.append(f"of pod {safe(whole)}")
    elif finding.pod:
        parts.append(f"of pod {safe(finding.pod)}")
    elif finding.unit and not finding.container:
        parts.append(f"of {safe(finding.unit)}")
    elif finding.cgroup and not finding.container and finding.cgroup != "/":
        parts.append(f"in cgroup {safe(finding.cgroup)}")
    return " ".join(parts)


def _container(finding: StuckTask | BlockedTask | OomKillFinding, short: str) -> str:
    behind = [short] if finding.container_name else []
    behind += [finding.runtime] if finding.runtime else []
    name = safe(finding.container_name or short)
    return f"{name} ({safe(', '.join(behind))})" if behind else name


def name_of(task: Task) -> str:
    return task_name(task.comm, task.pid, task.tid)


def seconds(value: float) -> str:
    """ "0.02s", "3.9s", "34.5s", "2m05s"."""
    if value < 0.1:
        return f"{value:.2f}s"
    if value < 100:
        return f"{value:.1f}s"
    return f"{int(value) // 60}m{int(value) % 60:02d}s"


def watched(session: Session, t: float) -> str:
    """How long, until t: "50.9s"."""
    return seconds(max(0.0, t - session.t))


def wall_clock(session: Session, t: float) -> str:
    """The time of day at t, UTC: "22:13:04Z"; "" where the session's is no time."""
    try:
        start = datetime.fromisoformat(session.wall)
        return f"{start + timedelta(seconds=t - session.t):%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return ""


def moment(session: Session, t: float) -> str:
    """Since tracing began, and the time of day: "2.804s (22:58:36Z)"."""
    wall = wall_clock(session, t)
    return f"{t - session.t:.3f}s" + (f" ({wall})" if wall else "")


def recorded(analysis: Analysis) -> str:
    """ "12 kB, 345 events"."""
    events = count(analysis.events, "event")
    size = analysis.recorded
    if size is None:
        return events
    return f"{size / 1e3:.0f} kB, {events}" if size < 1e6 else f"{size / 1e6:.1f} MB, {events}"


def clock(value: float) -> str:
    """ "00:01:12"."""
    whole = max(0, int(value))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def size(number: float) -> str:
    """Bytes: "812 KiB", "3.2 MiB", "66 MiB", "20.1 GiB"."""
    value, unit = number / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if value >= 1024:
            value, unit = value / 1024, larger
    exact = unit == "GiB" or (unit == "MiB" and value < 10)
    return f"{value:.1f} {unit}" if exact else f"{value:.0f} {unit}"


def measured(value: _T | None, text: Callable[[_T], str]) -> str:
    """What text says of the value; None: not measured."""
    return "not measured" if value is None else text(value)


def measured_size(number: float | None) -> str:
    return measured(number, size)


def mebibytes(kib: int) -> str:
    """Whole ones."""
    return f"{kib / 1024:.0f} MiB" if kib >= 1024 else f"{kib} KiB"


def signal_name(number: int | None) -> str:
    """ "SIGKILL"; "no signal" for 0."""
    if number is None:
        return "unknown signal"
    if number == 0:
        return "no signal"
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_BY_OOM = {"mm": ", as it shares the victim's mm", "group": ", as a member of the memory.oom.group"}


def killed_by(killed: Killed) -> str:
    """ "killed by the OOM killer, invoked by sh[388]", "killed by sh[388] with SIGTERM"."""
    sender = task_name(killed.comm, killed.pid)
    if killed.by == "oom":
        if killed.pid is None:
            return "killed by the OOM killer before tracing started"
        return f"killed by the OOM killer{_BY_OOM.get(killed.why, '')}, invoked by {sender}"
    if killed.by == "exit":
        return "killed by the exit of its own process"
    name = signal_name(killed.signal)
    if killed.pid is None:
        return f"{name} was pending before tracing started"
    return f"killed by {sender}" + ("" if killed.signal == SIGKILL else f" with {name}")


def invoked_by(kill: Kill) -> str:
    """Who invoked the OOM killer, or sent the signal."""
    by = kill.choice.by if kill.choice else kill.sender
    return name_of(by) if by else "?"


def waits_in(finding: StuckTask) -> str:
    return safe(finding.wait.function) if finding.wait else "-"


def primitive(finding: StuckTask) -> str:
    return safe(finding.wait.primitive) if finding.wait else "-"


def killable(finding: StuckTask) -> str:
    """Does SIGKILL wake it: yes, no, or awake. The state says it, with or without a stack."""
    if finding.state == "running":
        return "awake"
    wakes = SIGKILL_WAKES.get(finding.state)
    return "?" if wakes is None else "yes" if wakes else "no"


def possible_stack(finding: StuckTask) -> list[str]:
    """A line, of one whose stack could not be unwound."""
    if not finding.possible_stack:
        return []
    shown = " ".join(f"{safe(frame)}?" for frame in finding.possible_stack[:_POSSIBLE_SHOWN])
    return [f"stack not unwound (no tables); its frames are among: {shown}"]


def meaning(finding: StuckTask) -> str:
    """What an open finding means, in a sentence or two."""
    if finding.state == "uninterruptible" and finding.wait:
        named = finding.wait.primitive != "unknown"
        what = f"{primitive(finding)}()" if named else "its sleep"
        text = (
            f"SIGKILL cannot end {what} in {waits_in(finding)}(): "
            "it waits until its condition holds."
        )
    elif finding.state == "exiting":
        text = _dying(finding.dying)
    elif finding.state == "running":
        text = "It is awake but does not die: the stack shows where it last ran."
    else:
        text = f"State {finding.state}: {MEANING.get(finding.state, '')}."
    if finding.killed.by == "oom":
        text += " Until it dies it keeps what the OOM reaper cannot take."
    return text


def _dying(dying: ExitProgress | None) -> str:
    """Of one that is inside of do_exit()."""
    where = f" in {safe(dying.phase)}()" if dying and dying.phase else ""
    again = "another SIGKILL has no effect."
    if dying is None or not dying.measured:
        return f"It is inside do_exit(){where}; whether it makes progress is not measured: {again}"
    if not dying.slow:
        return f"It is inside do_exit(){where} and {_no_progress(dying)}: {again}"
    if dying.kib_per_s is not None and dying.kib_per_s > 0 and dying.rss_kib is not None:
        what, left, each = f"{mebibytes(dying.rss_kib)} are left", dying.rss_kib, dying.kib_per_s
        rate = f"{mebibytes(round(dying.kib_per_s))}/s"
    else:
        left, each = dying.left_count or 0, dying.left_per_s or 0.0
        what, rate = f"{left} {_left(dying)} are left", f"{each:.0f}/s"
    return (
        f"It is not stuck, it dies slowly{where}: {what} and shrink by {rate}, which takes"
        f" {seconds(left / each)} more at that rate."
    )


def _left(dying: ExitProgress) -> str:
    """ "pages of inode 12 of tmpfs on tmpfs"."""
    return safe(dying.left) + (f" of {safe(dying.left_of)}" if dying.left_of else "")


def _no_progress(dying: ExitProgress) -> str:
    if dying.left_per_s is not None:
        return f"lets go of nothing, {dying.left_count} {_left(dying)} left"
    left = f", {mebibytes(dying.rss_kib)} resident" if dying.rss_kib else ""
    return f"frees no memory{left}"


def stuck_for(finding: StuckTask, age: float) -> str:
    """ "3.9s"; ">3.9s" when SIGKILL was pending before tracing started."""
    return seconds(age) if finding.killed.t is not None else f">{seconds(age)}"


def outcome(finding: StuckTask) -> str:
    """ "dead after 3.9s by SIGKILL"."""
    if finding.outcome is None:
        return "still stuck"
    if finding.outcome.exit_signal is None:
        return f"gone after {seconds(finding.outcome.after_s)}, its end was not seen"
    after = seconds(finding.outcome.after_s)
    return f"dead after {after} by {signal_name(finding.outcome.exit_signal)}"


def ending(finding: StuckTask) -> str:
    """Of one that has ended: "dead by SIGKILL, was in squashfs_cache_get"."""
    seen = finding.outcome and finding.outcome.exit_signal is not None
    how = (
        f"dead by {signal_name(finding.outcome.exit_signal)}"
        if finding.outcome and seen
        else "gone"
    )
    return how + (f", was in {waits_in(finding)}" if finding.wait else "")


def kill_memory(kill: Kill) -> str:
    """The resident memory of an OOM victim, when it was chosen."""
    if kill.choice is None:
        return "?"
    choice = kill.choice
    return mebibytes(choice.anon_rss_kib + choice.file_rss_kib + choice.shmem_rss_kib)


def kill_request(kill: Kill) -> str:
    """ "order 0 GFP_HIGHUSER_MOVABLE|__GFP_COMP"."""
    return f"order {kill.choice.order} {safe(kill.choice.gfp)}" if kill.choice else "?"
