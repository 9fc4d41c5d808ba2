"""A folio that is locked, or under writeback: folio_wait_bit_common() of mm/filemap.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

_MAPPING_FLAGS = 3  # PAGE_MAPPING_FLAGS of include/linux/page-flags.h: no address_space then
_NAMES = {"PG_locked": "locked", "PG_writeback": "under writeback"}


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The entry lies in a struct wait_page_queue, with folio and bit before it."""
    entry = queue_entry(sleeper, kernel, "wake_page_function")
    if entry is None:
        return None
    layout = kernel.layout
    base = entry.address - layout["wait_page_queue.wait"]
    folio_at = layout.get("wait_page_queue.folio")
    if folio_at is None:  # a page until v5.15
        folio_at = layout["wait_page_queue.page"]
    folio = sleeper.word(base + folio_at)
    bit = sleeper.word(base + layout["wait_page_queue.bit_nr"])
    if not folio or bit is None:
        return None
    names = {number: name for name, number in kernel.enums.get("pageflags", {}).items()}
    named = names.get(bit & 0xFFFFFFFF, "")
    return Found(
        "folio",
        folio,
        f"{_NAMES.get(named, named or f'bit {bit}')}, {_owner(kernel, folio)}",
        ("wait_page_queue on its stack",),
    )


def _owner(kernel: Kernel, folio: int) -> str:
    mapping = kernel.member(folio, "page.mapping") or 0
    if not mapping or mapping & _MAPPING_FLAGS:
        return "of no file"
    host = kernel.member(mapping, "address_space.host")
    inode = kernel.inode(host) if host else None
    return f"of {inode}" if inode else "whose file is not known"


KIND = Kind(
    "folio",
    (
        *WANTS,
        "wait_page_queue.folio",
        "wait_page_queue.page",
        "wait_page_queue.bit_nr",
        "wait_page_queue.wait",
        "page.mapping",
        "address_space.host",
    ),
    _read,
)
