"""The kernel's xarrays: include/linux/xarray.h."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ktrace.waits.kernel import Kernel

WANTS = ("xa_node.slots", "xa_node.marks")
_INTERNAL = 2  # xa_is_node(): the low bits of an entry
_LOW_BITS = 3


def entries(kernel: "Kernel", entry: int) -> Iterator[int]:
    """Pointers in an xarray, of which that is xa_head."""
    if not entry or entry & _LOW_BITS != _INTERNAL:
        if entry and not entry & _LOW_BITS:
            yield entry
        return
    node = entry - _INTERNAL
    slots = kernel.layout["xa_node.slots"]
    size = kernel.layout["xa_node.marks"] - slots  # the next member, in a union with tags
    data = kernel.memory.read(node + slots, size) or b""
    for slot in kernel.width.unpack(data):
        yield from entries(kernel, slot)
