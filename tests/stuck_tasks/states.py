"""Tasks that are stopped, traced, dead, running in the kernel."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import children, status, wait_for_state, wait_until
from tests.stuck_tasks.programs import LIFETIME, Process, end, program, ready_program, sleeper

# include/uapi/linux/ptrace.h
_PTRACE_SEIZE = 0x4206
_PTRACE_INTERRUPT = 0x4207
_PTRACE_CONT = 7
_PTRACE_O_TRACEEXIT = 0x40


@contextmanager
def killable_sleeper() -> Iterator[Process]:
    """A process in TASK_KILLABLE: D in /proc, yet SIGKILL ends it. It waits for its vfork child."""
    with program("vfork_wait") as process:
        wait_for_state(process.pid, "D")
        yield process


@contextmanager
def stopped() -> Iterator[Process]:
    """A process stopped by SIGSTOP."""
    with sleeper() as process:
        os.kill(process.pid, signal.SIGSTOP)
        wait_for_state(process.pid, "T")
        yield process


@contextmanager
def traced() -> Iterator[Process]:
    """A process stopped by its tracer, which is this thread."""
    with sleeper() as process:
        trace(process)
        yield process


def trace(process: Process) -> None:
    """Stop it, with this thread as its tracer."""
    _ptrace(_PTRACE_SEIZE, process.pid)
    _ptrace(_PTRACE_INTERRUPT, process.pid)
    # Take the news of the stop, or Popen takes it for the news of the end.
    os.waitpid(process.pid, 0)
    wait_for_state(process.pid, "t")


@contextmanager
def stopped_at_exit(process: Process) -> Iterator[None]:
    """A process that ends, and that this thread, its tracer, has stopped on its way out."""
    _ptrace(_PTRACE_SEIZE, process.pid, _PTRACE_O_TRACEEXIT)
    process.terminate()
    for event in (signal.SIGTERM, signal.SIGTRAP):
        _, status_word = os.waitpid(process.pid, 0)
        assert os.WSTOPSIG(status_word) == event
        if event == signal.SIGTERM:
            _ptrace(_PTRACE_CONT, process.pid, signal.SIGTERM)
    wait_for_state(process.pid, "t", "ptrace_stop")
    try:
        yield
    finally:
        _ptrace(_PTRACE_CONT, process.pid)


def _ptrace(request: int, pid: int, data: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, pid, None, ctypes.c_void_p(data)):
        pytest.skip(f"ptrace is refused: {os.strerror(ctypes.get_errno())}")


@contextmanager
def zombie(killed: bool = True) -> Iterator[Process]:
    """A dead process that nobody has reaped: killed, or ended by itself."""
    process = subprocess.Popen(["sleep", LIFETIME] if killed else ["true"])
    try:
        if killed:
            process.kill()
        wait_for_state(process.pid, "Z")
        yield process
    finally:
        end(process)


@contextmanager
def spinning_in_kernel(gibibytes: int = 16 << 10, *file: Path) -> Iterator[Process]:
    """A process that runs in the kernel without looking for signals, for a few seconds."""
    with ready_program("spin_in_kernel", gibibytes, *file) as process:
        # It has said "ready" just before the system call.
        before = _kernel_ticks(process.pid)
        wait_until("it spins", lambda: _kernel_ticks(process.pid) > before + 1)
        yield process


def _kernel_ticks(pid: int) -> int:
    """Time in the kernel: stime of /proc/PID/stat (proc(5)), behind the parenthesised comm."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12])


@contextmanager
def starved_eater(mebibytes: int) -> Iterator[tuple[Process, Callable[[], None]]]:
    """A process with so much memory, which gets a CPU for some milliseconds in a second, while a
    busy one has the rest; and what lets it have all again."""
    cpu = max(os.sched_getaffinity(0))
    with program("eat_memory", mebibytes) as process:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
        wait_until("it has its memory", lambda: _resident_kib(process.pid) >= mebibytes << 10)
        busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
        try:
            os.sched_setaffinity(busy.pid, {cpu})
            os.sched_setaffinity(process.pid, {cpu})
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
            yield process, busy.kill
        finally:
            end(busy)


def _resident_kib(pid: int) -> int:
    return int(status(pid).get("VmRSS", "0 kB").split()[0])


@contextmanager
def entered(init: int) -> Iterator[tuple[Process, int]]:
    """A stopped process outside of a PID namespace, and its child in it."""
    outside = subprocess.Popen(["nsenter", "--pid", "--target", str(init), "--", "sleep", LIFETIME])
    try:
        (inside,) = wait_until("its child", lambda: children(outside.pid))
        wait_until("sleep runs", lambda: status(inside).get("Name") == "sleep")
        outside.send_signal(signal.SIGSTOP)
        wait_for_state(outside.pid, "T")
        yield outside, inside
    finally:
        end(outside)
