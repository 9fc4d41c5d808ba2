"""How far a bio has come that is waited for."""

from ktrace.record import record
from ktrace.waits.bios import WANTS as BIO_WANTS
from ktrace.waits.bios import BioIndex, Wanted
from ktrace.waits.block_devices import BlockDevice
from ktrace.waits.block_requests import WANTS as REQUEST_WANTS
from ktrace.waits.block_requests import Request, requested_bios
from ktrace.waits.kernel import Kernel
from ktrace.waits.throttled_bios import WANTS as THROTTLE_WANTS
from ktrace.waits.throttled_bios import Throttle, described, throttled_bios

_DISK = "block_device.bd_disk"
WANTS = (*BIO_WANTS, *THROTTLE_WANTS, *REQUEST_WANTS, _DISK)

Places = BioIndex[Throttle | Request]


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
    place = _places(kernel, disk).place_of(wanted) if disk else None
    if isinstance(place, Throttle):
        text, target = described(kernel, disk, place)
        return Progress(f", {text}", target, ("bio in a throtl_qnode",))
    if isinstance(place, Request):
        return Progress(f", {place.text}", device.target, ("request.bio",))
    return Progress("", device.target)


def _places(kernel: Kernel, disk: int) -> Places:
    """Of all bios of the disk, as they were when somebody first asked in this look."""
    found = kernel.bios.get(disk)
    if found is None:
        found = BioIndex(kernel, [*throttled_bios(kernel, disk), *requested_bios(kernel, disk)])
        kernel.bios[disk] = found
    return found
