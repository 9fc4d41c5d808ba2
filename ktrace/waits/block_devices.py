"""A struct block_device: its name, and whether device-mapper has suspended it."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from ktrace.waits.kernel import Kernel

WANTS = ("block_device.bd_dev",)
_SYSFS = Path("/sys/dev/block")
_SUSPENDED = "dm:"


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """name: "sda1", as sysfs calls it, "8:1" where sysfs does not; empty where it is not known.
    suspended: its device-mapper name, where device-mapper has suspended it."""

    name: str
    suspended: str = ""

    @property
    def in_sysfs(self) -> bool:
        return bool(self.name) and ":" not in self.name

    @property
    def text(self) -> str:
        name = self.name or "a device that is not known"
        return f"{name} (suspended by device-mapper)" if self.suspended else name

    @property
    def target(self) -> str:
        """What has to go on for its I/O to complete: "dm:NAME" of a suspended one."""
        return f"{_SUSPENDED}{self.suspended}" if self.suspended else self.name


def block_device(kernel: Kernel, address: int) -> BlockDevice:
    """The struct block_device at address."""
    data = (
        kernel.memory.read(address + kernel.layout["block_device.bd_dev"], 4) if address else None
    )
    if not data:
        return BlockDevice("")
    number = struct.unpack("=I", data)[0]
    numbers = f"{number >> 20}:{number & (1 << 20) - 1}"  # MINORBITS, include/linux/kdev_t.h
    try:
        return named_device(os.path.basename(os.readlink(_SYSFS / numbers)))
    except OSError:
        return BlockDevice(numbers)


def named_device(name: str) -> BlockDevice:
    """The device that sysfs calls so."""
    folder = _SYSFS.parent.parent / "block" / name / "dm"
    try:
        if (folder / "suspended").read_text().strip() == "1":
            return BlockDevice(name, (folder / "name").read_text().strip())
    except OSError:
        pass  # not of device-mapper, or gone
    return BlockDevice(name)


def suspended_name(target: str) -> str:
    """The device-mapper name in a target; empty where it is another's."""
    return target.removeprefix(_SUSPENDED) if target.startswith(_SUSPENDED) else ""
