"""Locking a process's memory: no page of it is thrown out, to be read again from a disk that may
hang. For ktrace, and for the process that writes its trace: imports little."""

import ctypes
import os

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # include/uapi/asm-generic/mman.h


def lock_memory() -> list[str]:
    """All that is mapped now or later, as soon as it is touched; of files that are mapped now, all.
    What could not be locked, one line each.

    Files are programs and libraries, of which constants are needed as well as text, and the tables
    of the locale.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        why = os.strerror(ctypes.get_errno())
        return [f"memory is not locked ({why}): ktrace may hang with the machine"]
    libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    try:
        failed = [libc.mlock(start, end - start) for start, end in _mapped_files()]
    except OSError:
        failed = [-1]
    return ["some program text is not locked"] if any(failed) else []


def _mapped_files() -> list[tuple[int, int]]:
    """Address ranges. Shared mappings that can be written are memory (/dev/zero), no files."""
    with open("/proc/self/maps") as maps:
        rows = [line.split(maxsplit=5) for line in maps]
    ranges = (
        row[0].split("-")
        for row in rows
        if row[-1].startswith("/") and row[1].startswith("r") and row[1] != "rw-s"
    )
    return [(int(start, 16), int(end, 16)) for start, end in ranges]
