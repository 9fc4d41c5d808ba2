"""Block I/O that is waited for by the one who submitted it: submit_bio_wait() of block/bio.c."""

from ktrace.waits.bio_progress import WANTS as PROGRESS_WANTS
from ktrace.waits.bio_progress import progress, progress_on_disk
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import bio_device
from ktrace.waits.completions import WANTS, completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.loop_devices import WANTS as LOOP_WANTS
from ktrace.waits.loop_devices import servers
from ktrace.waits.sleeper import Sleeper

_FUNCTIONS = ("submit_bio_wait", "bio_await", "blk_wait_io")
_DIRECT, _DIRECT_END = "__blkdev_direct_IO_simple", "blkdev_bio_end_io_simple"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.is_in(*_FUNCTIONS):
        completion = completion_of(sleeper, kernel)
        if completion is None:
            return None
        evidence = "completion on its stack"
        bio = _bio_of(completion, sleeper, kernel)
        if not bio:
            detail = "on a device that is not known"
            return Found("block-io", completion, detail, (evidence,))
        return _found(bio, completion, (evidence, "bio.bi_private"), kernel)
    bio = _own_bio(sleeper, kernel) if sleeper.is_in(_DIRECT) else 0
    return _found(bio, bio, ("bio on its stack",), kernel) if bio else None


def _found(bio: int, without: int, evidence: tuple[str, ...], kernel: Kernel) -> Found:
    """without: what the wait is known by where the device is not."""
    address, device = bio_device(kernel, bio)
    sector = kernel.wide_member(bio, "bio.bi_iter.bi_sector")
    has_device = kernel.layout.has("bio.bi_bdev")
    how_far = progress if has_device else progress_on_disk
    reached = how_far(kernel, address, device, Wanted(bio=bio))
    return Found(
        "block-io",
        address or without,
        f"{device.text}, sector {sector}{reached.text}",
        (*evidence, *reached.evidence),
        servers(kernel, address) if has_device else (),
        target=reached.target,
    )


def _own_bio(sleeper: Sleeper, kernel: Kernel) -> int:
    """__blkdev_direct_IO_simple() of fs/block_dev.c, where it does not call submit_bio_wait(): its
    bio lies on the stack, with the task itself in bi_private. 0 where none is found."""
    for hit in sleeper.holding(sleeper.address):
        bio = hit - kernel.layout["bio.bi_private"]
        ends = sleeper.word(bio + kernel.layout["bio.bi_end_io"])
        if ends and kernel.symbol(ends) == _DIRECT_END:
            return bio
    return 0


def _bio_of(completion: int, sleeper: Sleeper, kernel: Kernel) -> int:
    """submit_bio_wait() keeps the bio at hand, in a register that its callees have saved; its
    bi_private is the completion. 0 where none is found."""
    private = kernel.layout["bio.bi_private"]
    found = kernel.members(sleeper.pointers(), private)
    return next((word for word, data in found if data == completion), 0)


KIND = Kind(
    "block-io",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LOOP_WANTS,
        *PROGRESS_WANTS,
        "bio.bi_private",
        "bio.bi_end_io",
        "bio.bi_iter.bi_sector",
    ),
    _read,
    tells="device and sector of the bio, a suspended device, a limit of a cgroup; in the driver or "
    "the I/O scheduler, for how long, and who submitted it",
    holder="of a loop device, the workers that do its I/O; else nobody",
    released="the device; `dmsetup resume`, `echo ... > .../io.max`",
    seen="5.10, 6.1, 6.12, 6.18, 7.2",
)
