"""What this process's BPF programs cost, by the kernel's own statistics.

bpf(BPF_ENABLE_STATS), since 5.8, counts runs and nanoseconds of every program until its descriptor
is closed: bpf_enable_stats() of kernel/bpf/syscall.c. /proc/PID/fdinfo/FD shows them
(bpf_prog_show_fdinfo()), their names BPF_OBJ_GET_INFO_BY_FD.
"""

import ctypes
import os
import time
from collections.abc import Mapping

from ktrace.errors import CannotTrace
from ktrace.kernel.capabilities import raised
from ktrace.kernel.libbpf import LibbpfError, check, lib
from ktrace.record import record

_RUN_TIME = 0  # BPF_STATS_RUN_TIME of include/uapi/linux/bpf.h
_NAME_AT, _NAME_BYTES, _INFO_BYTES = 64, 16, 80  # struct bpf_prog_info, up to its name
_PROGRAM = "anon_inode:bpf-prog"


@record
class ProgramCost:
    name: str  # the kernel keeps 15 characters
    runs: int
    run_ns: int


@record
class Reading:
    """Since the statistics were switched on. why_not: nothing is counted."""

    lasted_s: float
    own_cpu_s: float  # of this process, user and system
    costs: tuple[ProgramCost, ...] = ()
    why_not: str = ""


class BpfStats:
    """Switches them on; close() off, unless somebody else wants them, too."""

    def __init__(self, programs: Mapping[int, str] | None = None) -> None:
        """programs: names by descriptor; None: all that this process has now."""
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._fd = -1
        self.why_not = ""
        try:
            with raised():  # CAP_SYS_ADMIN: bpf_enable_stats() of kernel/bpf/syscall.c
                self._fd = check(lib().bpf_enable_stats(_RUN_TIME), "switch statistics on")
        except (LibbpfError, CannotTrace, AttributeError, OSError) as error:
            self.why_not = str(error)
        found = _programs() if programs is None and self._fd >= 0 else programs
        self._names = found or {}
        self._before = {fd: _counts(fd) for fd in self._names}

    def read(self) -> Reading:
        lasted, cpu = time.monotonic() - self._started, time.process_time() - self._cpu
        if self.why_not:
            return Reading(lasted, cpu, why_not=self.why_not)
        if not self._names:
            return Reading(lasted, cpu, why_not="this process has no BPF programs")
        costs = []
        for fd, name in self._names.items():
            program, runs, run_ns = _counts(fd)
            program_before, runs_before, ns_before = self._before[fd]
            if program == program_before:  # else it is gone, and the descriptor another's
                costs.append(ProgramCost(name, runs - runs_before, run_ns - ns_before))
        return Reading(lasted, cpu, tuple(costs))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _programs() -> dict[int, str]:
    """Names of this process's programs, by descriptor; of each program one."""
    found: dict[int, str] = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{entry}") == _PROGRAM:
                found[int(entry)] = _name(int(entry))
        except OSError:  # the listing's own descriptor
            continue
    return found


def _name(fd: int) -> str:
    info = ctypes.create_string_buffer(_INFO_BYTES)
    size = ctypes.c_uint32(_INFO_BYTES)
    if lib().bpf_obj_get_info_by_fd(fd, info, ctypes.byref(size)):
        return "?"
    name = info.raw[_NAME_AT : _NAME_AT + _NAME_BYTES].partition(b"\0")[0]
    return name.decode(errors="backslashreplace") or "?"


def _counts(fd: int) -> tuple[int, int, int]:
    """The program's number, runs and nanoseconds; zeros of one that is gone."""
    try:
        with open(f"/proc/self/fdinfo/{fd}") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
        program, runs, run_ns = (
            int(fields.get(name, "0")) for name in ("prog_id", "run_cnt", "run_time_ns")
        )
    except (OSError, ValueError):
        return 0, 0, 0
    return program, runs, run_ns
