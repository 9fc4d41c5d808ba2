"""What /proc says of a task, and waiting until it says so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

SIGKILL_BIT = 1 << (signal.SIGKILL - 1)

# A bound for what is broken, no expectation: a busy machine takes five times as long and more.
PATIENCE_S = 120.0

Result = TypeVar("Result")


def wait_until(
    what: str, condition: Callable[[], Result | None], timeout_s: float = PATIENCE_S
) -> Result:
    """The condition's first true answer. Fails the test when there is none in time."""
    end = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.005)


def status(tid: int) -> dict[str, str]:
    """/proc/TID/status; empty when there is no such thread."""
    try:
        lines = Path(f"/proc/{tid}/status").read_text(errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def state(tid: int) -> str:
    """The letter of /proc/TID/status; empty when there is no such thread."""
    return status(tid).get("State", "")[:1]


def kernel_stack(tid: int) -> list[str]:
    """Functions in which the thread sleeps, innermost first."""
    try:
        lines = Path(f"/proc/{tid}/stack").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # "[<0>] percpu_rwsem_wait+0x116/0x140"
    return [line.split()[-1].partition("+")[0] for line in lines]


def threads(pid: int) -> list[int]:
    """Thread ids of a process, the leader first."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return []


def children(pid: int) -> list[int]:
    """Of the process's leader."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_sigkill(tid: int) -> bool:
    """Is SIGKILL pending, for the thread or its group?"""
    found = status(tid)
    return any(int(found.get(key, "0"), 16) & SIGKILL_BIT for key in ("SigPnd", "ShdPnd"))


def wait_for_state(tid: int, letters: str, function: str = "") -> None:
    """Until /proc gives the thread one of the letters (and it sleeps in that function)."""

    def reached() -> bool:
        return state(tid) in tuple(letters) and (not function or function in kernel_stack(tid))

    where = f" in {function}" if function else ""
    wait_until(f"thread {tid} in state {letters}{where}", reached)


def kill(pid: int) -> None:
    """SIGKILL, and wait until it is pending or has done its work."""
    os.kill(pid, signal.SIGKILL)
    wait_until(f"{pid} has SIGKILL", lambda: has_sigkill(pid) or state(pid) in ("", "Z", "X"))
