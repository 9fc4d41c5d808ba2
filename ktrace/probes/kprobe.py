"""A kprobe at the entry of a kernel function, with a loaded BPF program: a file descriptor.

By the kprobe PMU (v4.17, e12f03d7031a "perf/core: Implement the 'perf_kprobe' PMU"): closing the
descriptor takes it out, and nothing stays behind in tracefs.
"""

import ctypes
import fcntl
import os
import platform
from pathlib import Path

from ktrace.probes.ladder import KPROBE_PMU

_IOC_ENABLE = 0x2400  # include/uapi/linux/perf_event.h
_IOC_SET_BPF = 0x40042408
_FLAG_CLOEXEC = 8
_SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "loongarch64": 241, "armv7l": 364}


class _Attributes(ctypes.Structure):
    """struct perf_event_attr, its first 112 bytes (PERF_ATTR_SIZE_VER5)."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64),
        ("sample_period", ctypes.c_uint64),
        ("sample_type", ctypes.c_uint64),
        ("read_format", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("wakeup_events", ctypes.c_uint32),
        ("bp_type", ctypes.c_uint32),
        ("kprobe_func", ctypes.c_uint64),  # config1
        ("probe_offset", ctypes.c_uint64),  # config2
        ("rest", ctypes.c_uint64 * 5),
    )


def attach(program: int, function: str) -> int:
    """The descriptor that holds it. Raises OSError; ENOENT: there is no such function to probe."""
    number = _SYSCALLS.get(platform.machine())
    if number is None:
        raise OSError(f"perf_event_open's number on {platform.machine()} is not known here")
    name = ctypes.create_string_buffer(function.encode())
    attributes = _Attributes(
        type=int(Path(KPROBE_PMU).read_text()),
        size=ctypes.sizeof(_Attributes),
        kprobe_func=ctypes.addressof(name),
    )
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(number, ctypes.byref(attributes), -1, 0, -1, _FLAG_CLOEXEC)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        fcntl.ioctl(found, _IOC_SET_BPF, program)
        fcntl.ioctl(found, _IOC_ENABLE, 0)
    except OSError:
        os.close(found)
        raise
    return found
