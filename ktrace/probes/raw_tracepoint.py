"""A raw tracepoint with a loaded BPF program: a file descriptor."""

import ctypes
import os

from ktrace.kernel.libbpf import lib


def attach(program: int, name: str) -> int:
    """The descriptor that holds it. Raises OSError."""
    link: int = lib().bpf_raw_tracepoint_open(name.encode(), program)
    if link < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return link
