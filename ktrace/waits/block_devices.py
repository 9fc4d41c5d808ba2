"""The name of a struct block_device, and whether device-mapper has suspended it."""

import os
import struct
from pathlib import Path

from ktrace.waits.kernel import Kernel

WANTS = ("block_device.bd_dev",)
_SYSFS = Path("/sys/dev/block")


def device_name(kernel: Kernel, device: int) -> str:
    """ "sda1", as sysfs calls it; "8:1" where sysfs does not; empty where it cannot be read."""
    data = kernel.memory.read(device + kernel.layout["block_device.bd_dev"], 4)
    if not data:
        return ""
    number = struct.unpack("=I", data)[0]
    numbers = f"{number >> 20}:{number & (1 << 20) - 1}"  # MINORBITS, include/linux/kdev_t.h
    try:
        return os.path.basename(os.readlink(_SYSFS / numbers))
    except OSError:
        return numbers


def io_target(name: str) -> str:
    """What has to go on for the device's I/O to complete: "dm:NAME" where device-mapper has
    suspended the device, else the device itself."""
    folder = _SYSFS.parent.parent / "block" / name / "dm"
    try:
        if (folder / "suspended").read_text().strip() == "1":
            return f"dm:{(folder / 'name').read_text().strip()}"
    except OSError:
        pass
    return name
