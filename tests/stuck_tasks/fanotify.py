"""Permission events of fanotify that nobody answers."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import wait_for_state
from tests.stuck_tasks.programs import Process, end

# include/uapi/linux/fanotify.h
_FAN_CLASS_CONTENT, _FAN_MARK_ADD, _FAN_OPEN_PERM = 4, 1, 0x10000
_AT_FDCWD = -100


@contextmanager
def unanswered_fanotify_events(read: bool, *files: Path) -> Iterator[list[Process]]:
    """For each file a process that opens it, and waits for the permission of this process, which
    has read the events or not. Closing the listener's descriptor allows them."""
    libc = ctypes.CDLL(None, use_errno=True)
    listener = libc.fanotify_init(_FAN_CLASS_CONTENT, os.O_RDONLY)
    if listener < 0:
        pytest.skip(f"fanotify is refused: {os.strerror(ctypes.get_errno())}")
    events: list[int] = []
    processes: list[Process] = []
    try:
        for file in files:
            mask, path = ctypes.c_uint64(_FAN_OPEN_PERM), str(file).encode()
            if libc.fanotify_mark(listener, _FAN_MARK_ADD, mask, _AT_FDCWD, path):
                pytest.skip(f"fanotify is refused: {os.strerror(ctypes.get_errno())}")
            processes.append(subprocess.Popen(["cat", str(file)], stdout=subprocess.DEVNULL))
            wait_for_state(processes[-1].pid, "D")
            if read:
                events.append(struct.unpack_from("=IBBHQiI", os.read(listener, 4096))[5])
        yield processes
    finally:
        for descriptor in (listener, *events):
            os.close(descriptor)
        for process in processes:
            end(process)
