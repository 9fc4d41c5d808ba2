"""A FUSE file system whose server does not answer."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import kernel_stack, wait_until
from tests.stuck_tasks.programs import PROGRAMS, Process, end

_MNT_DETACH = 2  # include/linux/fs.h


@dataclass(frozen=True)
class FuseRequest:
    """process: in stat() of a FUSE file system; server: has read the request, and does not answer;
    connection: the number."""

    process: Process
    server: Process
    connection: int


@contextmanager
def unanswered_fuse_request(
    then: str = "read", read_from: int = subprocess.PIPE, function: str = "pipe_read"
) -> Iterator[FuseRequest]:
    """The end of the server aborts the connection. What it does then: "read" from its standard
    input, read_from, where it waits in a function; or "spin"."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no /dev/fuse")
    if Path("/sys/module/fuse/initstate").exists() and not Path("/sys/kernel/btf/fuse").exists():
        pytest.skip("this kernel's module fuse has no BTF: its servers are not known")
    with tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        command = [sys.executable, str(PROGRAMS / "fuse_server.py"), folder, then]
        server = subprocess.Popen(command, stdin=read_from, stdout=subprocess.PIPE)
        process = None
        try:
            assert server.stdout
            number = server.stdout.readline()
            if not number:
                pytest.skip("FUSE cannot be mounted")
            process = subprocess.Popen(["stat", folder], stdout=subprocess.DEVNULL)
            assert server.stdout.readline() == b"asked\n"
            if then == "read":
                wait_until("the server reads", lambda: function in str(kernel_stack(server.pid)))
            yield FuseRequest(process, server, int(number))
        finally:
            end(server)
            ctypes.CDLL(None).umount2(folder.encode(), _MNT_DETACH)
            if process:
                end(process)
