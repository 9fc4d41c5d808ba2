"""The kernel's linked lists, include/linux/list.h: bounded walks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ktrace.waits.kernel import Kernel


def members(kernel: "Kernel", head: int, most: int) -> tuple[list[int], bool]:
    """The nodes of a list without its head, and whether these are all: the list may be longer, or
    change while it is read."""
    found: list[int] = []
    at = kernel.pointer(head)
    while at and at != head:
        if len(found) == most:
            return found, False
        found.append(at)
        at = kernel.pointer(at)
    return found, at == head
