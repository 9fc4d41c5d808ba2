"""A look at every thread through /proc: what iter/task gives on kernels that have it.

/proc has a state letter where the kernel has bits, so some of it is concluded:

- D of a thread with SIGKILL pending is TASK_UNINTERRUPTIBLE: a killable sleep ends by it, or does
  not begin (signal_pending_state(), include/linux/sched/signal.h). D of a thread that nobody kills
  may be killable too: it is given as uninterruptible.
- a thread in __refrigerator() is frozen, whatever its letter.
- that a group is exiting is not shown, but complete_signal() (kernel/signal.c) gives SIGKILL to
  each of its threads, and an exiting thread has PF_EXITING and its exit code.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ktrace.kernel.signals import EXIT_SIGNAL
from ktrace.kernel.task_state import PF_EXITING

PROC = "/proc"
_SIGKILL_BIT = 1 << 8
_TASK_FROZEN = 0x8000  # v6.1, f5d39b020809; before, /proc/TID/stat has PF_FROZEN in its flags
# include/linux/sched.h: bits that never moved, and I: TASK_UNINTERRUPTIBLE | TASK_NOLOAD, since
# v4.14, 06eb61844d84. P is a kernel thread's, which nobody kills.
_STATES = {"R": 0, "S": 1, "D": 2, "I": 0x402, "T": 4, "t": 8}
_EXIT_STATES = {"Z": 0x20, "X": 0x10}
_PENDING, _SHARED, _GROUP = "KILL_PENDING", "KILL_SHARED", "KILL_GROUP"  # enum kill_mark
_FRAME = re.compile(r"\[<[^>]*>\] (\S+?)\+(0x[0-9a-f]+)/0x[0-9a-f]+(?: (\[[^\]]+\]))?")
_FUNCTION = re.compile(r"[A-Za-z_][\w.$]*", re.ASCII)  # wchan is "0" of a task that runs


@dataclass(slots=True)
class Look:
    """A thread that is killed, or in state D. Members as in struct task_state."""

    pid: int
    tid: int
    comm: bytes
    ppid: int
    start_ticks: int
    switches: int
    state: int
    exit_state: int
    flags: int
    killed: set[str]  # of enum kill_mark
    group_exit_code: int
    frames: tuple[str, ...]


def walk(proc: str = PROC) -> Iterator[Look]:
    """Threads that are killed or sleep uninterruptibly. Raises OSError when proc is not there."""
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        try:
            tids = os.listdir(f"{proc}/{entry}/task")
        except OSError:
            continue  # it is gone
        for tid in tids:
            look = look_at(int(entry), int(tid), proc)
            if look is not None:
                yield look


def look_at(pid: int, tid: int, proc: str = PROC) -> Look | None:
    """At one thread; None where it is neither, or gone."""
    thread = f"{proc}/{pid}/task/{tid}"
    try:
        comm, fields = _stat(f"{thread}/stat")
        letter, flags = fields[0], int(fields[6])
        exit_code = int(fields[49]) if len(fields) > 49 else 0
        # SigPnd as a number: pending since 2.0, without real-time signals
        killed = {_PENDING} if int(fields[28]) & _SIGKILL_BIT else set()
        if (flags & PF_EXITING or letter in _EXIT_STATES) and exit_code & EXIT_SIGNAL:
            killed.add(_GROUP)
        if not killed and letter != "D":
            return None
        status = _status(f"{thread}/status")
        if int(status["ShdPnd"], 16) & _SIGKILL_BIT:
            killed.add(_SHARED)
        frames = () if letter in _EXIT_STATES else stack_frames(thread)
        return Look(
            pid=pid,
            tid=tid,
            comm=comm,
            ppid=int(fields[1]),
            start_ticks=int(fields[19]),
            switches=int(status["voluntary_ctxt_switches"])
            + int(status["nonvoluntary_ctxt_switches"]),
            state=_state(letter, frames),
            exit_state=_EXIT_STATES.get(letter, 0),
            flags=flags,
            killed=killed,
            group_exit_code=exit_code or _group_exit_code(pid, killed, proc),
            frames=frames,
        )
    except (OSError, KeyError, IndexError, ValueError):
        return None


def stack_frames(thread: str) -> tuple[str, ...]:
    """ "vfs_write+0x10d", "squashfs_cache_get+0x323 [squashfs]", ...: thread is a /proc/TID.

    Its stack; where that is empty, as on 32-bit ARM with CONFIG_SMP (arch/arm/kernel/stacktrace.c),
    the one function of wchan: the first that is not the scheduler's.
    """
    return frames_of(_text(f"{thread}/stack")) or frames_of(_text(f"{thread}/wchan"))


def frames_of(text: str) -> tuple[str, ...]:
    """Of the text of such a file."""
    found = _FRAME.findall(text)
    if not found:
        return (text,) if _FUNCTION.fullmatch(text) else ()
    return tuple(f"{name}+{offset} {module}".rstrip() for name, offset, module in found)


def _text(path: str) -> str:
    """Empty where it cannot be read."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _state(letter: str, frames: tuple[str, ...]) -> int:
    if letter == "D" and any(frame.startswith("__refrigerator+") for frame in frames[:3]):
        return _TASK_FROZEN
    return _STATES.get(letter, 0)


def _group_exit_code(pid: int, killed: set[str], proc: str) -> int:
    """Of a group whose leader is gone already, or that SIGKILL was sent to."""
    if _SHARED in killed:
        return 9
    leader = _stat(f"{proc}/{pid}/task/{pid}/stat")[1]
    return int(leader[49]) if leader[0] in _EXIT_STATES and len(leader) > 49 else 0


def _stat(path: str) -> tuple[bytes, list[str]]:
    """comm, which may hold anything, and the fields behind it: the first is the state."""
    with open(path, "rb") as file:
        data = file.read()
    head, _, tail = data.rpartition(b")")
    return head.partition(b"(")[2], tail.decode().split()


def _status(path: str) -> dict[str, str]:
    with open(path, errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
