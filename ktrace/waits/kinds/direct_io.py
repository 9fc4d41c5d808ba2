"""Direct I/O in more than one bio: the struct that counts them names the task that waits.

iomap_dio of fs/iomap/direct-io.c (files of ext4, xfs, ...) and blkdev_dio of block/fops.c (block
devices). Neither lies on the stack; both are in a register that the sleep's functions saved.
"""

from collections.abc import Iterator

from ktrace.waits.bio_progress import WANTS as PROGRESS_WANTS
from ktrace.waits.bio_progress import progress
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import block_device
from ktrace.waits.files import WANTS, file_text
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.loop_devices import WANTS as LOOP_WANTS
from ktrace.waits.loop_devices import servers
from ktrace.waits.sleeper import Sleeper

_OF_FILES = ("__iomap_dio_rw", "iomap_dio_rw")
_OF_DEVICES = ("__blkdev_direct_IO", "blkdev_direct_IO")  # the first may be inlined
_ENDS = "blkdev_bio_end_io"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.function in _OF_FILES:
        return _of_file(sleeper, kernel)
    if sleeper.function in _OF_DEVICES:
        return _of_device(sleeper, kernel)
    return None


def _of_file(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    for dio in _named_by(sleeper, "iomap_dio.submit.waiter", kernel):
        call = kernel.member(dio, "iomap_dio.iocb")
        file = kernel.member(call, "kiocb.ki_filp") if call else None
        text = file_text(kernel, file) if file else ""
        inode = kernel.member(file, "file.f_inode") if file and text else None
        if not inode:
            continue
        super_block = kernel.member(inode, "inode.i_sb") or 0
        address = kernel.member(super_block, "super_block.s_bdev") or 0
        return _found(inode, dio, address, f"{text}, ", "iomap_dio.submit.waiter", kernel)
    return None


def _of_device(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    layout = kernel.layout
    for dio in _named_by(sleeper, "blkdev_dio.waiter", kernel):
        bio = dio + layout["blkdev_dio.bio"]
        ends = kernel.member(bio, "bio.bi_end_io")
        if not ends or kernel.symbol(ends) != _ENDS:
            continue
        address = kernel.member(bio, "bio.bi_bdev") or 0
        return _found(address, dio, address, "", "blkdev_dio.waiter", kernel)
    return None


def _found(known_by: int, dio: int, address: int, of: str, evidence: str, kernel: Kernel) -> Found:
    """known_by: what all who wait for it share. dio: what the bios have as bi_private. address: of
    the block_device."""
    device = block_device(kernel, address)
    reached = progress(kernel, address, device, Wanted(private=dio))
    return Found(
        "direct-io",
        known_by,
        f"{of}{device.text}{reached.text}",
        (evidence, *reached.evidence),
        servers(kernel, address),
        target=reached.target,
    )


def _named_by(sleeper: Sleeper, path: str, kernel: Kernel) -> Iterator[int]:
    """Structs to which the stack points, and in which that member is the task."""
    offset = kernel.layout[path]
    found = kernel.members(sleeper.elsewhere(), offset)
    return (word for word, waiter in found if waiter == sleeper.address)


KIND = Kind(
    "direct-io",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LOOP_WANTS,
        *PROGRESS_WANTS,
        "iomap_dio.submit.waiter",
        "iomap_dio.iocb",
        "blkdev_dio.waiter",
        "blkdev_dio.bio",
        "bio.bi_end_io",
        "bio.bi_bdev",
    ),
    _read,
    tells="of direct I/O in several bios: the file or the device, a limit of a cgroup, the "
    "request's age and who submitted it",
    holder="of a loop device, the workers that do its I/O; else nobody",
    released="the device; `dmsetup resume`, `fsfreeze -u`, `echo ... > .../io.max`",
    seen="5.10, 6.12, 6.18, 7.2",
)
