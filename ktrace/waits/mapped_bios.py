"""Bios of a device-mapper device, which go to the devices beneath it as copies: drivers/md/dm.c.

A copy (dm_target_io.clone) lies in a struct that leads to the one that it is made from. Targets
that make bios of their own, as dm-crypt does for writes, are not followed.
"""

from collections.abc import Iterator

from ktrace.waits.kernel import Kernel
from ktrace.waits.lists import members

WANTS = (
    "gendisk.private_data",
    "mapped_device.disk",
    "mapped_device.map",
    "dm_table.devices",
    "dm_dev_internal.list",
    "dm_dev_internal.dm_dev",
    "dm_dev.bdev",
    "block_device.bd_disk",
    "dm_target_io.clone",
    "dm_target_io.io",
    "dm_io.md",
    "dm_io.orig_bio",
)
_MOST_DEVICES = 64


def mapped_device(kernel: Kernel, disk: int) -> int:
    """Of a gendisk of device-mapper; 0 of another one."""
    if not kernel.layout.has(*WANTS):
        return 0
    device = kernel.member(disk, "gendisk.private_data") or 0
    return device if device and kernel.member(device, "mapped_device.disk") == disk else 0


def disks_beneath(kernel: Kernel, device: int) -> Iterator[int]:
    """gendisks that a mapped_device's table names."""
    layout = kernel.layout
    table = kernel.member(device, "mapped_device.map")
    if not table:
        return
    nodes, _ = members(kernel, table + layout["dm_table.devices"], _MOST_DEVICES)
    for node in nodes:
        used = kernel.member(node - layout["dm_dev_internal.list"], "dm_dev_internal.dm_dev")
        block_device = kernel.member(used, "dm_dev.bdev") if used else None
        disk = kernel.member(block_device, "block_device.bd_disk") if block_device else None
        if disk:
            yield disk


def original(kernel: Kernel, device: int, bio: int) -> int:
    """The bio of the mapped_device that this is a copy of; 0: of none."""
    copied = kernel.member(bio - kernel.layout["dm_target_io.clone"], "dm_target_io.io")
    if not copied or kernel.member(copied, "dm_io.md") != device:
        return 0
    return kernel.member(copied, "dm_io.orig_bio") or 0
