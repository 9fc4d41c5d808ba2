"""ktrace.waits.mapped_bios: a bio of device-mapper, by its copy on the device beneath it."""

from __future__ import annotations

import pytest

from ktrace.waits.bio_progress import Progress, progress_on_disk
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import BlockDevice
from tests.waits.test_throttled_bios import WRITE, Disk

pytestmark = pytest.mark.unit

CLONE = 32  # of a dm_target_io
OFFSETS: dict[str, int | None] = {
    "gendisk.private_data": 24,
    "mapped_device.disk": 0,
    "mapped_device.map": 8,
    "dm_table.devices": 16,
    "dm_dev_internal.list": 0,
    "dm_dev_internal.dm_dev": 16,
    "dm_dev.bdev": 0,
    "block_device.bd_disk": 0,
    "dm_target_io.io": 0,
    "dm_target_io.clone": CLONE,
    "dm_io.md": 8,
    "dm_io.orig_bio": 16,
}


class Mapped:
    """A device of device-mapper on a disk whose cgroup is limited, and a bio of it whose copy is
    held back there."""

    def __init__(self) -> None:
        self.beneath = Disk(OFFSETS)
        heap = self.heap = self.beneath.heap
        self.disk, self.device, table, used, dm_dev, block_device, self.io, self.bio = (
            heap.new(64) for _ in range(8)
        )
        heap.put(self.disk + 24, self.device)
        heap.put(self.device, self.disk)
        heap.put(self.device + 8, table)
        heap.link(table + 16, [used])
        heap.put(used + 16, dm_dev)
        heap.put(dm_dev, block_device)
        heap.put(block_device, self.beneath.address)
        self.beneath.limit(self.beneath.group, 4096, (1 << 32) - 1, WRITE)
        self.copy = self.beneath.queue_bio(self.beneath.group, "throtl_grp.qnode_on_self", WRITE)
        heap.put(self.copy - CLONE, self.io)
        heap.put(self.io + 8, self.device)
        heap.put(self.io + 16, self.bio)

    def told(self) -> Progress:
        return progress_on_disk(
            self.heap.kernel, self.disk, BlockDevice("dm-0"), Wanted(bio=self.bio)
        )


def test_the_limit_of_the_device_beneath() -> None:
    found = Mapped().told()
    assert found.text == ", held back by io.max of cgroup /apps/web: 4096 bytes/s of writes"
    assert found.target.startswith("throttled:8:3 wbps=max\t")


def test_a_bio_of_another_device_that_lies_there_too() -> None:
    mapped = Mapped()
    mapped.heap.put(mapped.io + 8, mapped.heap.new(64))
    assert mapped.told().text == ""


def test_a_disk_that_is_none_of_device_mapper() -> None:
    mapped = Mapped()
    mapped.heap.put(mapped.device, mapped.beneath.address)
    assert mapped.told().text == ""
