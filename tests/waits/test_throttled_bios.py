"""Which limit holds a bio back, in memory made of bytes."""

from __future__ import annotations

import pytest

from ktrace.events import Task
from ktrace.waits.bio_progress import WANTS, Progress, progress_on_disk
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import BlockDevice
from ktrace.waits.release import release_of
from tests.factories import task_wait
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

NONE = (1 << 64) - 1
OFFSETS: dict[str, int | None] = {
    **dict.fromkeys(WANTS),
    "gendisk.queue": 0,
    "gendisk.major": 8,
    "gendisk.first_minor": 12,
    "request_queue.blkg_list": 0,
    "request_queue.td": 16,
    "throtl_data.nr_queued": 64,
    "blkcg_gq": 64,
    "blkcg_gq.q_node": 8,
    "blkcg_gq.blkcg": 24,
    "blkcg_gq.pd": 32,
    "blkcg.css": 0,
    "cgroup_subsys_state.cgroup": 0,
    "cgroup.kn": 0,
    "kernfs_node.parent": 0,
    "kernfs_node.name": 8,
    "throtl_grp.td": 16,
    "throtl_grp.service_queue": 24,
    "throtl_service_queue.parent_sq": 0,
    "throtl_grp.qnode_on_self": 64,
    "throtl_grp.qnode_on_parent": 128,
    "throtl_qnode": 32,
    "throtl_qnode.bios": 16,
    "throtl_grp.bps": 192,
    "throtl_grp.iops": 208,
    "bio_list.head": 0,
    "bio.bi_next": 0,
    "bio.bi_private": 8,
    "bio.bi_vcnt": 16,
    "bio.bi_io_vec": 24,
    "bio_vec": 16,
    "bio_vec.bv_page": 0,
    "bio_vec.bv_len": 8,
    "page": 64,
}
READ, WRITE = 0, 1
# where the low limits are: bps[2][LIMIT_CNT], bps_conf[2][LIMIT_CNT], iops[2][LIMIT_CNT]
WITH_LOW = {"throtl_grp.bps_conf": 224, "throtl_grp.iops": 256}


class Disk:
    """A disk with one group of /apps/web on it, whose parent is the group of /apps."""

    def __init__(self, offsets: dict[str, int | None] | None = None) -> None:
        heap = self.heap = Heap(OFFSETS | (offsets or {}))
        heap.kernel.cgroups = {"": ("/sys/fs/cgroup", "/")}
        self.address, self.queue, self.data = (heap.new(128) for _ in range(3))
        heap.put(self.address, self.queue)
        heap.put(self.address + 8, 3 << 32 | 8)  # 8:3
        heap.put(self.queue + 16, self.data)
        heap.put(self.data + 64, 1)  # something is queued
        root = heap.new(64)
        self.parent = self._group("apps", root, self.data)
        self.group = self._group("web", self.parent_node, self.parent + 24)
        heap.link(self.queue, [self.parent_gq + 8, self.gq + 8])

    def _group(self, name: str, above: int, parent_sq: int) -> int:
        heap = self.heap
        gq, group, blkcg, cgroup, node, text = (heap.new(512) for _ in range(6))
        heap.put(gq + 24, blkcg)
        heap.put(blkcg, cgroup)
        heap.put(cgroup, node)
        heap.put(node, above)
        heap.put(node + 8, text)
        heap.write(text, name.encode() + b"\0")
        other = heap.new(64)  # another policy's
        heap.put(gq + 32, other)
        heap.put(gq + 40, group)
        heap.put(group, gq)
        heap.put(group + 16, self.data)
        heap.put(group + 24, parent_sq)
        if name == "apps":
            self.parent_gq, self.parent_node = gq, node
        else:
            self.gq = gq
        return group

    def limit(self, group: int, bps: int, iops: int, index: int, iops_at: int = 208) -> None:
        for each in range(4):
            self.heap.put(group + 192 + 8 * each, NONE)
        self.heap.put(group + iops_at, NONE)
        self.heap.put(group + iops_at + 8, NONE)
        self.heap.put(group + 192 + 8 * index, bps)
        self.heap.write(group + iops_at + 4 * index, iops.to_bytes(4, "little"))

    def held(self, wanted: Wanted) -> Progress | None:
        """What is told of a bio that is held back."""
        found = progress_on_disk(self.heap.kernel, self.address, BlockDevice("sda3"), wanted)
        return found if found.text else None

    def queue_bio(self, group: int, where: str, direction: int) -> int:
        """Behind another one."""
        first, bio = self.heap.new(64), self.heap.new(64)
        self.heap.put(first, bio)
        self.heap.put(group + OFFSETS[where] + 32 * direction + 16, first)  # type: ignore[operator]
        return bio


def test_a_bio_in_its_own_groups_queue() -> None:
    disk = Disk()
    disk.limit(disk.group, 1 << 20, (1 << 32) - 1, READ)
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_self", READ)
    found = disk.held(Wanted(bio=bio))
    assert found
    assert found.text == ", held back by io.max of cgroup /apps/web: 1048576 bytes/s of reads"
    wait = task_wait(1.0, Task(11, 11, "app"), wait="block-io", target=found.target)
    release = release_of(wait)
    assert release.command == "echo '8:3 rbps=max' > /sys/fs/cgroup/apps/web/io.max"


def test_a_bio_that_waits_for_the_limit_of_its_groups_parent() -> None:
    disk = Disk()
    disk.limit(disk.parent, 4096, 10, WRITE)
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_parent", WRITE)
    found = disk.held(Wanted(bio=bio))
    assert found
    assert found.text == (
        ", held back by io.max of cgroup /apps: 4096 bytes/s and 10 requests/s of writes"
    )
    assert found.target == "throttled:8:3 wbps=max wiops=max\t/sys/fs/cgroup/apps/io.max"


@pytest.mark.parametrize("direction", [READ, WRITE])
def test_the_maximal_limit_where_there_is_a_low_one(direction: int) -> None:
    """As on 5.10 and 6.1."""
    disk = Disk(WITH_LOW)
    disk.limit(disk.group, 512, (1 << 32) - 1, 2 * direction + 1, iops_at=256)
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_self", direction)
    found = disk.held(Wanted(bio=bio))
    assert found
    assert ": 512 bytes/s of " in found.text


def test_version_1_has_a_file_for_each_limit() -> None:
    disk = Disk()
    disk.heap.kernel.cgroups = {"blkio": ("/cg/blk io", "/")}
    disk.limit(disk.group, 4096, 10, READ)
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_self", READ)
    found = disk.held(Wanted(bio=bio))
    assert found
    wait = task_wait(1.0, Task(11, 11, "app"), wait="folio", target=found.target)
    folder = "/cg/blk io/apps/web"
    assert release_of(wait).command == (
        f"echo '8:3 0' > '{folder}/blkio.throttle.read_bps_device';"
        f" echo '8:3 0' > '{folder}/blkio.throttle.read_iops_device'"
    )


def test_by_what_its_owner_has_put_into_it_and_by_its_pages() -> None:
    disk = Disk()
    heap = disk.heap
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_self", READ)
    segments, page = heap.new(64), 0xFFFFEA0000001000
    heap.put(bio + 8, 0xFFFF888100004440)
    heap.put(bio + 16, 2)
    heap.put(bio + 24, segments)
    heap.put(segments, 0xFFFFEA0000009000)
    heap.put(segments + 8, 512)
    heap.put(segments + 16, page)
    heap.put(segments + 24, 8192)
    for wanted, held in [
        (Wanted(private=0xFFFF888100004440), True),
        (Wanted(private=0xFFFF888100004444), False),
        (Wanted(page=page + 64), True),
        (Wanted(page=page + 128), False),
        (Wanted(page=0xFFFFEA0000009000), True),
    ]:
        assert (disk.held(wanted) is not None) == held, wanted


def test_nothing_is_held_back() -> None:
    disk = Disk()
    bio = disk.queue_bio(disk.group, "throtl_grp.qnode_on_self", READ)
    assert disk.held(Wanted(bio=bio + 64)) is None
    disk.heap.kernel.forget()
    disk.heap.put(disk.data + 64, 0)
    assert disk.held(Wanted(bio=bio)) is None
