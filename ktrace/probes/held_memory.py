"""What the kernel holds for ktrace's maps, all of it from before tracing on.

No large contiguous block is among it: a ring buffer is made of single pages
(bpf_ringbuf_area_alloc(), kernel/bpf/ringbuf.c), and what is larger than a few pages comes from
vmalloc (bpf_map_area_alloc(), kernel/bpf/syscall.c).
"""

import re
from collections.abc import Mapping

_MEMLOCK = re.compile(r"^memlock:\s*(\d+)$", re.MULTILINE)  # bpf_map_show_fdinfo()
_MIB = 1 << 20


def held_memory(maps: Mapping[str, int], ring: str) -> str:
    """In words. maps: file descriptors; ring: which of them is the ring buffer."""
    sizes = {name: _bytes(fd) for name, fd in maps.items()}
    known = [size for size in sizes.values() if size is not None]
    if len(known) < len(sizes):
        return "not known: the kernel does not tell the size of its maps"
    ring_mib = (sizes.get(ring) or 0) / _MIB
    return (
        f"{sum(known) / _MIB:.1f} MiB of the kernel in {len(known)} maps, taken before tracing: "
        f"{ring_mib:.1f} MiB ring buffer, of single pages"
    )


def _bytes(fd: int) -> int | None:
    try:
        with open(f"/proc/self/fdinfo/{fd}") as file:
            found = _MEMLOCK.search(file.read())
    except OSError:
        return None
    return int(found[1]) if found else None
