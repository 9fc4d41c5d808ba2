"""Devices, and waits for their buffers."""

from pathlib import Path

import pytest

from ktrace.events import Task, TaskWait
from ktrace.waits import block_devices, stacked_devices
from ktrace.waits.kinds import bit as bit_kind
from ktrace.waits.kinds import block_io, buffer
from ktrace.waits.release import release_of
from tests.factories import task_wait
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "block_device.bd_dev": 52,
    "wait_bit_queue_entry.wq_entry": 24,
    "wait_bit_queue_entry.key.flags": 0,
    "wait_bit_queue_entry.key.bit_nr": 8,
    "buffer_head.b_state": 0,
    "buffer_head.b_blocknr": 24,
    "buffer_head.b_size": 32,
    "buffer_head.b_bdev": 48,
    "bio.bi_disk": 8,
    "bio.bi_iter.bi_sector": 32,
    "bio.bi_end_io": 56,
    "bio.bi_private": 64,
    "gendisk.disk_name": 12,
}
BH_UPTODATE, BH_LOCK = 0, 2


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What sysfs says of dm-0, 254:0, which device-mapper calls lab."""
    folder = tmp_path / "block" / "dm-0" / "dm"
    folder.mkdir(parents=True)
    (folder / "name").write_text("lab\n")
    (folder / "suspended").write_text("1\n")
    numbers = tmp_path / "dev" / "block"
    numbers.mkdir(parents=True)
    (numbers / "254:0").symlink_to("../../block/dm-0")
    monkeypatch.setattr(block_devices, "_SYSFS", numbers)
    monkeypatch.setattr(stacked_devices, "_CLASS", tmp_path / "block")
    return folder


def device(heap: Heap, minor: int = 0) -> int:
    at = heap.new(64)
    heap.write(at + 52, (254 << 20 | minor).to_bytes(4, "little"))
    return at


def test_a_suspended_device(mapped: Path) -> None:
    heap = Heap(OFFSETS)
    found = block_devices.block_device(heap.kernel, device(heap))
    assert found.text == "dm-0 (suspended by device-mapper)"
    assert block_devices.suspended_name(found.target) == "lab"


def test_a_device_that_is_not_suspended(mapped: Path) -> None:
    (mapped / "suspended").write_text("0\n")
    heap = Heap(OFFSETS)
    found = block_devices.block_device(heap.kernel, device(heap))
    assert (found.text, found.target) == ("dm-0", "dm-0")
    assert block_devices.suspended_name(found.target) == ""


def test_a_device_that_sysfs_does_not_have(mapped: Path) -> None:
    heap = Heap(OFFSETS)
    assert block_devices.block_device(heap.kernel, device(heap, minor=9)).text == "254:9"
    assert block_devices.block_device(heap.kernel, 0).text == "a device that is not known"


def waiter_for_bit(heap: Heap, word: int, bit: int) -> int:
    """Its wait_bit_queue_entry lies on its stack."""
    task = heap.task(11, "looker")
    base = heap.sp(task) + 0x100
    entry = base + 24
    heap.put(base, word)
    heap.put(base + 8, bit)
    heap.put(entry + heap.layout["wait_queue_entry.private"], task)
    wake = 0xFFFFFFFF81000000
    heap.functions[wake] = "wake_bit_function"
    heap.put(entry + heap.layout["wait_queue_entry.func"], wake)
    heap.link(heap.new(64), [entry + heap.layout["wait_queue_entry.entry"]])
    return task


@pytest.mark.parametrize(
    ("bit", "size", "kind", "detail"),
    [
        (BH_LOCK, 4096, "buffer", "block 77 of dm-0 (suspended by device-mapper)"),
        (BH_UPTODATE, 4096, "bit", "bit 0 of a word"),
        (BH_LOCK, 4095, "bit", "bit 2 of a word"),  # no size of a buffer
    ],
)
def test_a_buffer_is_known_by_what_is_in_it(
    mapped: Path, bit: int, size: int, kind: str, detail: str
) -> None:
    """The frame of __wait_on_buffer() may be gone: a call at its end takes its place."""
    heap = Heap(OFFSETS)
    head = heap.new(128)
    heap.put(head + 24, 77)
    heap.put(head + 32, size)
    heap.put(head + 48, device(heap))
    task = waiter_for_bit(heap, head, bit)
    sleeper = heap.sleeper(task, "out_of_line_wait_on_bit")
    found = buffer.KIND.read(sleeper, heap.kernel) or bit_kind.KIND.read(sleeper, heap.kernel)
    assert found
    assert (found.kind, found.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("function", "found"),
    [("blkdev_bio_end_io_simple", True), ("autoremove_wake_function", False)],
)
def test_a_direct_read_has_its_bio_on_its_stack(mapped: Path, function: str, found: bool) -> None:
    """As on 5.10: it does not call submit_bio_wait(), and a bio has its gendisk."""
    heap = Heap(OFFSETS)
    disk = heap.new(64)
    heap.write(disk + 12, b"dm-0\0")
    task = heap.task(11, "direct")
    bio = heap.sp(task) + 0x100
    heap.put(bio + 8, disk)
    heap.put(bio + 32, 1820)
    heap.functions[0xFFFFFFFF81000000] = function
    heap.put(bio + 56, 0xFFFFFFFF81000000)
    heap.put(bio + 64, task)
    wait = block_io.KIND.read(heap.sleeper(task, "__blkdev_direct_IO_simple"), heap.kernel)
    assert (wait and wait.detail) == (
        "dm-0 (suspended by device-mapper), sector 1820" if found else None
    )


def test_what_resumes_a_suspended_device() -> None:
    def released(target: str) -> str:
        wait: TaskWait = task_wait(1.0, Task(11, 11, "looker"), wait="folio", target=target)
        return release_of(wait).command

    assert released("dm:lab") == "dmsetup resume lab"
    assert released("sda1") == ""
