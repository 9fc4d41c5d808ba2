"""Samples of tasks that run: where they are, which no saved stack tells.

For each chosen task a perf event on the CPU clock, with the program of bpf/running.bpf.c. It counts
only while the task is on a CPU.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Mapping
from fcntl import ioctl

from ktrace.kernel.capabilities import raised
from ktrace.kernel.libbpf import LibbpfError, check, lib
from ktrace.package import bpf_object
from ktrace.probes.bounded_call import interrupted_after

MOST = 16  # tasks at a time
PERIOD_NS = 50_000_000  # of its own CPU time
# include/uapi/linux/perf_event.h
_SOFTWARE, _CPU_CLOCK, _ATTR_BYTES = 1, 0, 128
_DISABLED = 1  # the first of the attribute's flags
_FD_CLOEXEC = 8
_PATIENCE_S = 0.05  # a task's perf event takes microseconds
_IOC_SET_BPF = 0x40042408
_SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "armv7l": 364}


class RunningTasks:
    """Chooses the tasks; what they do comes through the ring as TASK_RUNS."""

    def __init__(self, maps: Mapping[str, int]) -> None:
        """maps: descriptors of the maps that all objects share. Raises LibbpfError."""
        path = bpf_object("running")
        self._events: dict[int, int] = {}  # perf's descriptor by tid
        self._busy: set[int] = set()  # of those wanted, who keeps its lock: asked once
        self._first: int | None = None
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = check(
            lib().bpf_object__open_file(path.encode(), None), f"open BPF object {path}"
        )
        try:
            self._share(maps)
            check(lib().bpf_object__load(self._handle), "load the program for running tasks")
            program = lib().bpf_object__next_program(self._handle, None)
            self._program = check(lib().bpf_program__fd(program), "find that program")
            # The first event of a task waits for a grace period of RCU (account_event() of
            # kernel/events/core.c): now, and not while tracing, when RCU may be what hangs.
            self._first = self._event(os.getpid(), 0, _DISABLED)
        except LibbpfError:
            self.close()
            raise

    def choose(self, tids: Iterable[int]) -> None:
        """Look at these from now on, at MOST of them, and at no others."""
        wanted = list(dict.fromkeys(tids))[:MOST]
        for tid in self._events.keys() - set(wanted):
            os.close(self._events.pop(tid))
        self._busy &= set(wanted)
        for tid in wanted if self._first is not None else ():
            if tid not in self._events.keys() | self._busy:
                self._open(tid)

    def close(self) -> None:
        self.choose(())
        if self._first is not None:
            os.close(self._first)
            self._first = None
        if self._handle:
            lib().bpf_object__close(self._handle)
            self._handle = 0

    def _share(self, maps: Mapping[str, int]) -> None:
        handle = None
        while handle := lib().bpf_object__next_map(self._handle, handle):
            name = lib().bpf_map__name(handle).decode()
            if name in maps:
                check(lib().bpf_map__reuse_fd(handle, maps[name]), f"share map {name}")

    def _open(self, tid: int) -> None:
        """Nothing is known where the kernel does not allow it, the task is gone, or it executes a
        program: perf_event_open() takes its exec_update_lock (kernel/events/core.c), which
        exec_mmap() holds while the old memory is freed."""
        try:
            with interrupted_after(_PATIENCE_S):
                event = self._event(tid, PERIOD_NS)
                interrupted = event is None and ctypes.get_errno() == errno.EINTR
        except (OSError, ValueError):
            return
        if interrupted:
            self._busy.add(tid)
        if event is None:
            return
        try:
            ioctl(event, _IOC_SET_BPF, self._program)
        except OSError:
            os.close(event)
            return
        self._events[tid] = event

    def _event(self, tid: int, period_ns: int, flags: int = 0) -> int | None:
        number = _SYS_PERF_EVENT_OPEN.get(os.uname().machine)
        if number is None:
            return None
        attributes = ctypes.create_string_buffer(_ATTR_BYTES)
        head = (_SOFTWARE, _ATTR_BYTES, _CPU_CLOCK, period_ns, 0, 0, flags)
        struct.pack_into("=IIQQQQQ", attributes, 0, *head)
        try:
            with raised():  # CAP_SYS_ADMIN, where perf_event_paranoid is 3
                event = self._libc.syscall(number, attributes, tid, -1, -1, _FD_CLOEXEC)
        except OSError:
            return None
        return int(event) if event >= 0 else None
