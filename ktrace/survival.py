"""How ktrace survives the out-of-memory machine that it watches.

Memory is locked so that no page of it has to be read from a file system that hangs, the OOM
killer is told to leave it alone, some heap is kept ready, and it has real-time priority.
"""

import ctypes
import gc
import re
from collections.abc import Callable

from ktrace import real_time
from ktrace.kernel.oom import OOM_SCORE_ADJ_MIN
from ktrace.locked_memory import lock_memory

_HEAP_BLOCKS = 6144
_HEAP_BLOCK = 480  # below 512 bytes: served from Python's own arenas
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 128 << 10  # malloc.h; bytes, its default
_M_ARENA_MAX, _ONE = -8, 1  # a thread's own would be 64 MiB of addresses, which count as locked
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
    _libc().mallopt(_M_ARENA_MAX, _ONE)
    blocks = [bytearray(_HEAP_BLOCK) for _ in range(_HEAP_BLOCKS)]
    _reserve.extend(blocks[::256])


def survive() -> list[str]:
    """Secure this process; what could not be secured, one line each."""
    gc.collect()
    gc.freeze()
    _libc().malloc_trim(0)  # what attaching and reading symbols needed for a moment
    return [*lock_memory(), *_refuse_oom_kill(), *real_time.take()]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


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
    """For subprocess's preexec_fn: children get what ktrace was started with, its oom_score_adj and
    limit of real time.

    Call it before survive(). Neither locks nor the priority are inherited (mlockall(2)).
    """
    limits = real_time.original_limits()
    with open(_OOM_SCORE_ADJ) as file:
        original = file.read().strip()

    def restore() -> None:
        real_time.restore_limits(limits)
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
