"""How far a bio has come that is waited for."""

from ktrace.record import record
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import BlockDevice
from ktrace.waits.kernel import Kernel
from ktrace.waits.throttled_bios import WANTS as THROTTLE_WANTS
from ktrace.waits.throttled_bios import throttle_of

_DISK = "block_device.bd_disk"
WANTS = (*THROTTLE_WANTS, _DISK)


@record
class Progress:
    """text: behind what names the device, empty where nothing is known. target: as
    BlockDevice.target, where a limit is to blame that."""

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
    held = throttle_of(kernel, disk, wanted)
    if held:
        return Progress(f", {held.text}", held.target, ("bio in a throtl_qnode",))
    return Progress("", device.target)
