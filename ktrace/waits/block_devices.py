"""A struct block_device: its name, what it lies on, and what keeps it from going on."""

import os
import struct

from ktrace.record import record
from ktrace.waits.files import WANTS as FILES
from ktrace.waits.files import file_text
from ktrace.waits.kernel import Kernel
from ktrace.waits.stacked_devices import backing_file, is_suspended, mapper_name, way_down

WANTS = (
    *FILES,
    "block_device.bd_dev",
    "block_device.bd_disk",
    "bio.bi_bdev",
    "bio.bi_disk",
    "gendisk.disk_name",
    "gendisk.private_data",
    "loop_device.lo_backing_file",
    "super_block.s_writers.frozen",
    "super_block.s_bdev",
)
_SYSFS = "/sys/dev/block"
_SUSPENDED, _FROZEN = "dm:", "frozen:"
_DEEPEST = 4  # loop devices on file systems on loop devices


@record
class BlockDevice:
    """name: "sda1", as sysfs calls it, "8:1" where sysfs does not; empty where it is not known.
    beneath: what it lies on, down to what is to blame: devices, or files of loop devices.
    suspended: the device-mapper name, where device-mapper has suspended it or that."""

    name: str
    suspended: str = ""
    beneath: tuple[str, ...] = ()
    frozen: str = ""  # the mount point of a frozen file system that it lies on

    @property
    def in_sysfs(self) -> bool:
        return bool(self.name) and ":" not in self.name

    @property
    def text(self) -> str:
        """ "dm-1 on dm-0 (suspended by device-mapper)"."""
        names = [self.name or "a device that is not known", *self.beneath]
        return " on ".join(names) + " (suspended by device-mapper)" * bool(self.suspended)

    @property
    def target(self) -> str:
        """What has to go on for its I/O to complete: "dm:NAME" of a suspended one, "frozen:DIR" of
        a frozen file system beneath it."""
        if self.suspended:
            return f"{_SUSPENDED}{self.suspended}"
        return f"{_FROZEN}{self.frozen}" if self.frozen else self.name


def block_device(kernel: Kernel, address: int, depth: int = 0) -> BlockDevice:
    """The struct block_device at address."""
    if address not in kernel.devices:
        kernel.devices[address] = _look_up(kernel, address, depth)
    return kernel.devices[address]


def bio_device(kernel: Kernel, bio: int) -> tuple[int, BlockDevice]:
    """With its address: of the struct block_device, or of the gendisk, which a bio had until v5.11,
    309dca309fc3 ("block: store a block_device pointer in struct bio")."""
    if kernel.layout.has("bio.bi_bdev"):
        device = kernel.member(bio, "bio.bi_bdev") or 0
        return device, block_device(kernel, device)
    disk = kernel.member(bio, "bio.bi_disk") or 0
    name = kernel.text(disk + kernel.layout["gendisk.disk_name"], 32) if disk else ""
    return disk, named_device(name) if name else BlockDevice("")


def _look_up(kernel: Kernel, address: int, depth: int) -> BlockDevice:
    data = (
        kernel.memory.read(address + kernel.layout["block_device.bd_dev"], 4) if address else None
    )
    if not data:
        return BlockDevice("")
    number = struct.unpack("=I", data)[0]
    numbers = f"{number >> 20}:{number & (1 << 20) - 1}"  # MINORBITS, include/linux/kdev_t.h
    try:
        name = os.path.basename(os.readlink(os.path.join(_SYSFS, numbers)))
    except OSError:
        return BlockDevice(numbers)
    if backing_file(name) and depth < _DEEPEST:
        found = _loop_device(kernel, address, name, depth)
        if found:
            return found
    return named_device(name)


def named_device(name: str) -> BlockDevice:
    """The device that sysfs calls so."""
    _, *beneath = way_down(name)
    last = beneath[-1] if beneath else name
    suspended = mapper_name(last) if is_suspended(last) else ""
    file = backing_file(last)
    return BlockDevice(name, suspended, (*beneath, *((file,) if file else ())))


def _loop_device(kernel: Kernel, address: int, name: str, depth: int) -> BlockDevice | None:
    """On the file system of its backing file, and what that lies on; drivers/block/loop.c."""
    layout = kernel.layout
    if not layout.has("loop_device.lo_backing_file", "block_device.bd_disk"):
        return None
    disk = kernel.member(address, "block_device.bd_disk")
    loop = kernel.member(disk, "gendisk.private_data") if disk else None
    file = kernel.member(loop, "loop_device.lo_backing_file") if loop else None
    inode = kernel.member(file, "file.f_inode") if file else None
    super_block = kernel.member(inode, "inode.i_sb") if inode else None
    where = kernel.file_system(super_block) if super_block else None
    if not file or not super_block or where is None:
        return None
    text = file_text(kernel, file)
    if kernel.number(super_block, "super_block.s_writers.frozen"):
        return BlockDevice(name, "", (f"{text}, frozen",), where.mount or "MOUNTPOINT")
    device = kernel.member(super_block, "super_block.s_bdev")
    below = block_device(kernel, device, depth + 1) if device else BlockDevice("")
    return BlockDevice(name, below.suspended, (text, *below.beneath), below.frozen)


def suspended_name(target: str) -> str:
    """The device-mapper name in a target; empty where it is another's."""
    return target.removeprefix(_SUSPENDED) if target.startswith(_SUSPENDED) else ""


def frozen_mount(target: str) -> str:
    """Where the frozen file system in a target is mounted; empty where it is another's."""
    return target.removeprefix(_FROZEN) if target.startswith(_FROZEN) else ""
