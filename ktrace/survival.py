"""How ktrace survives the out-of-memory machine that it watches.

Memory is locked so that no page of it has to be read from a file system that hangs, the OOM
killer is told to leave it alone, and some heap is kept ready.
"""

import ctypes
import gc
import os
import re
from collections.abc import Callable

from ktrace.kernel.oom import OOM_SCORE_ADJ_MIN

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # include/uapi/asm-generic/mman.h
_HEAP_BLOCKS = 6144
_HEAP_BLOCK = 480  # below 512 bytes: served from Python's own arenas
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 128 << 10  # malloc.h; bytes, its default
_OOM_SCORE_ADJ = "/proc/self/oom_score_adj"

_reserve: list[bytearray] = []


def reserve_heap() -> None:
    """Before anything needs much memory for a moment, as reading the kernel's types and symbols
    does: then it is lent from the reserve.

    Touches 3 MiB of small blocks and frees most: Python keeps the arenas, the kernel the pages.
    Large blocks are mapped, and unmapped when they are freed: by itself glibc would take more and
    more of them from its heap, in which they leave holes that are locked (mallopt(3)).
    """
    _libc().mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
    blocks = [bytearray(_HEAP_BLOCK) for _ in range(_HEAP_BLOCKS)]
    _reserve.extend(blocks[::256])


def survive() -> list[str]:
    """Secure this process; what could not be secured, one line each."""
    gc.collect()
    gc.freeze()
    _libc().malloc_trim(0)  # what attaching and reading symbols needed for a moment
    return [*_lock_memory(), *_refuse_oom_kill()]


def _lock_memory() -> list[str]:
    """Everything that is or will be touched, and all of the loaded programs' text."""
    libc = _libc()
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        why = os.strerror(ctypes.get_errno())
        return [f"memory is not locked ({why}): ktrace may hang with the machine"]
    libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    try:
        failed = [libc.mlock(start, end - start) for start, end in _program_mappings()]
    except OSError:
        failed = [-1]
    return ["some program text is not locked"] if any(failed) else []


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _program_mappings() -> list[tuple[int, int]]:
    """Address ranges of every file that has executable text mapped here."""
    with open("/proc/self/maps") as maps:
        rows = [line.split(maxsplit=5) for line in maps]
    mapped = [(row[0], row[1], row[5].strip()) for row in rows if len(row) == 6]
    programs = {path for _, mode, path in mapped if "x" in mode and path.startswith("/")}
    ranges = (
        address.split("-") for address, mode, path in mapped if path in programs and "r" in mode
    )
    return [(int(start, 16), int(end, 16)) for start, end in ranges]


def _refuse_oom_kill() -> list[str]:
    try:
        with open(_OOM_SCORE_ADJ, "w") as file:
            file.write(str(OOM_SCORE_ADJ_MIN))
    except OSError as error:
        return [
            f"the OOM killer may kill ktrace ({error.strerror}: oom_score_adj {OOM_SCORE_ADJ_MIN} "
            "needs CAP_SYS_RESOURCE)"
        ]
    return []


def child_setup() -> Callable[[], None]:
    """For subprocess's preexec_fn: children get the oom_score_adj that ktrace was started with.

    Call it before survive(). Locks are not inherited (mlockall(2)).
    """
    with open(_OOM_SCORE_ADJ) as file:
        original = file.read().strip()

    def restore() -> None:
        with open(_OOM_SCORE_ADJ) as file:
            if file.read().strip() == original:
                return  # survive() was not allowed to change it, nor might this process
        with open(_OOM_SCORE_ADJ, "w") as file:
            file.write(original)

    return restore


def memory_kib() -> dict[str, int]:
    """VmRSS, VmHWM and VmLck of this process, KiB (proc(5))."""
    with open("/proc/self/status") as file:
        found = re.findall(r"^(VmRSS|VmHWM|VmLck):\s+(\d+) kB", file.read(), re.MULTILINE)
    return {name: int(value) for name, value in found}
