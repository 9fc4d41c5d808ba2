"""How far a bio has come that is waited for."""

from collections.abc import Iterator

from ktrace.record import record
from ktrace.waits.bios import WANTS as BIO_WANTS
from ktrace.waits.bios import BioIndex, Wanted, submitter
from ktrace.waits.block_devices import BlockDevice
from ktrace.waits.block_requests import WANTS as REQUEST_WANTS
from ktrace.waits.block_requests import Request, requested_bios
from ktrace.waits.kernel import Kernel
from ktrace.waits.mapped_bios import WANTS as MAPPED_WANTS
from ktrace.waits.mapped_bios import disks_beneath, mapped_device, original
from ktrace.waits.throttled_bios import WANTS as THROTTLE_WANTS
from ktrace.waits.throttled_bios import Throttle, described, throttled_bios

_DISK = "block_device.bd_disk"
WANTS = (*BIO_WANTS, *THROTTLE_WANTS, *REQUEST_WANTS, *MAPPED_WANTS, _DISK)
_DEEPEST = 4  # devices of device-mapper on each other


@record
class Place:
    """Where a bio is, and on which gendisk."""

    disk: int
    at: Throttle | Request


Places = BioIndex[Place]


@record
class Progress:
    """text: behind what names the device, empty where nothing is known. target: as
    BlockDevice.target; where a limit is to blame, what lifts_limit() takes."""

    text: str
    target: str
    evidence: tuple[str, ...] = ()


def progress(kernel: Kernel, block_device: int, device: BlockDevice, wanted: Wanted) -> Progress:
    """block_device: its address; device: what is known of it."""
    known = block_device and kernel.layout.has(_DISK)
    disk = kernel.member(block_device, _DISK) if known else None
    return progress_on_disk(kernel, disk or 0, device, wanted)


def progress_on_disk(kernel: Kernel, disk: int, device: BlockDevice, wanted: Wanted) -> Progress:
    """disk: the address of its gendisk."""
    found = _places(kernel, disk).find(wanted) if disk else None
    if found is None:
        return Progress("", device.target)
    bio, place = found
    if isinstance(place.at, Throttle):
        text, target = described(kernel, place.disk, place.at)
        return Progress(f", {text}", target, ("bio in a throtl_qnode",))
    by = submitter(kernel, bio)
    if by is None:
        return Progress(f", {place.at.text}", device.target, ("request.bio",))
    said = f", {place.at.text}, submitted by {by.comm}[{by.tid}]"
    return Progress(said, device.target, ("request.bio", "block_bio_queue"))


def _places(kernel: Kernel, disk: int) -> Places:
    """Of all bios of the disk, as they were when somebody first asked in this look."""
    found = kernel.bios.get(disk)
    if found is None:
        found = kernel.bios[disk] = BioIndex(kernel, [*_all_places(kernel, disk)])
    return found


def _all_places(kernel: Kernel, disk: int, depth: int = 0) -> Iterator[tuple[int, Place]]:
    """Also of copies of its bios on the devices beneath it."""
    own: list[tuple[int, Throttle | Request]] = [*throttled_bios(kernel, disk)]
    own += requested_bios(kernel, disk)
    for bio, at in own:
        yield bio, Place(disk, at)
    device = mapped_device(kernel, disk) if depth < _DEEPEST else 0
    for beneath in disks_beneath(kernel, device) if device else ():
        for copy, place in _all_places(kernel, beneath, depth + 1):
            bio = original(kernel, device, copy)
            if bio:
                yield bio, place
