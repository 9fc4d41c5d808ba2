"""A folio that is locked, or under writeback: folio_wait_bit_common() of mm/filemap.c."""

from ktrace.kernel.layout import NotInThisKernel
from ktrace.waits.bio_progress import WANTS as PROGRESS_WANTS
from ktrace.waits.bio_progress import progress
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import BlockDevice, block_device
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.loop_devices import WANTS as LOOP_WANTS
from ktrace.waits.loop_devices import servers
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry
from ktrace.waits.writeback_workers import WANTS as WORKER_WANTS
from ktrace.waits.writeback_workers import writeback_workers

_MAPPING_FLAGS = 3  # PAGE_MAPPING_FLAGS of include/linux/page-flags.h: no address_space then
_WRITEBACK = "PG_writeback"
_NAMES = {"PG_locked": "locked", _WRITEBACK: "under writeback"}


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
    owner, device, address = _owner(kernel, folio)
    reached = progress(kernel, address, device, Wanted(page=folio))
    # no bio of it has come to the device
    submits = named == _WRITEBACK and not reached.text
    return Found(
        "folio",
        folio,
        f"{_NAMES.get(named, named or f'bit {bit}')}, {owner}{reached.text}",
        ("wait_page_queue on its stack", *reached.evidence),
        (_writers(kernel, folio) if submits else ()) or servers(kernel, address),
        target=reached.target,
    )


def _owner(kernel: Kernel, folio: int) -> tuple[str, BlockDevice, int]:
    """Of which file it is, and the device that has to do the I/O of that, with its address."""
    mapping = kernel.member(folio, "page.mapping") or 0
    if not mapping or mapping & _MAPPING_FLAGS:
        return "of no file", BlockDevice(""), 0
    host = kernel.member(mapping, "address_space.host")
    inode = kernel.inode(host) if host else None
    if not host or not inode:
        return "whose file is not known", BlockDevice(""), 0
    super_block = kernel.member(host, "inode.i_sb") or 0
    address = kernel.member(super_block, "super_block.s_bdev") or 0
    device = block_device(kernel, address)
    return f"of {inode}{_beneath(device)}", device, address


def _writers(kernel: Kernel, folio: int) -> tuple[tuple[KernelTask, str], ...]:
    """The workers that write back pages of its file's device."""
    mapping = kernel.member(folio, "page.mapping") or 0
    host = kernel.member(mapping, "address_space.host")
    super_block = kernel.member(host, "inode.i_sb") if host else None
    device = kernel.member(super_block, "super_block.s_bdi") if super_block else None
    try:
        return writeback_workers(kernel, device) if device else ()
    except NotInThisKernel:
        return ()


def _beneath(device: BlockDevice) -> str:
    """What the file system's own device lies on, and what is suspended."""
    if device.beneath:
        return f", {device.text}"
    return ", suspended by device-mapper" if device.suspended else ""


KIND = Kind(
    "folio",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LOOP_WANTS,
        *PROGRESS_WANTS,
        *WORKER_WANTS,
        "super_block.s_bdi",
        "wait_page_queue.folio",
        "wait_page_queue.page",
        "wait_page_queue.bit_nr",
        "wait_page_queue.wait",
        "page.mapping",
        "address_space.host",
    ),
    _read,
    tells="locked or under writeback, inode, file system, a suspended device, a limit of a cgroup, "
    "the request's age and who submitted it",
    holder="of a file on a loop device, the workers that do its I/O; of a page under writeback, "
    "before the device has it, the workers that write back; else not known",
    released="the device; `dmsetup resume`, `echo ... > .../io.max`",
    seen="5.10, 6.1, 6.12, 6.18, 7.2",
)
