"""The way from a device down to the one that does not answer."""

from pathlib import Path

import pytest

from ktrace.waits import stacked_devices
from ktrace.waits.block_devices import named_device
from ktrace.waits.stacked_devices import way_down

pytestmark = pytest.mark.unit


class Sysfs:
    """/sys/class/block, as drivers/md/dm-sysfs.c, block/genhd.c, drivers/block/loop.c fill it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def device(self, name: str, *slaves: str, in_flight: int = 0, **files: str) -> None:
        at = self.folder / name
        (at / "slaves").mkdir(parents=True)
        for slave in slaves:
            (at / "slaves" / slave).symlink_to(f"../../{slave}")
        (at / "inflight").write_text(f"{0:8} {in_flight:8}\n")
        for path, text in files.items():
            file = at / path.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{text}\n")

    def mapped(self, name: str, mapper: str, suspended: int, *slaves: str, busy: int = 1) -> None:
        files = {"dm__name": mapper, "dm__suspended": str(suspended)}
        self.device(name, *slaves, in_flight=busy, **files)


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    monkeypatch.setattr(stacked_devices, "_CLASS", tmp_path)
    return Sysfs(tmp_path)


def test_lvm_over_luks_over_a_disk_that_does_not_answer(sysfs: Sysfs) -> None:
    sysfs.mapped("dm-1", "vg-root", 0, "dm-0")
    sysfs.mapped("dm-0", "luks", 0, "sda")
    sysfs.device("sda", in_flight=3)
    assert named_device("dm-1").text == "dm-1 on dm-0 on sda"


def test_the_suspended_one_in_a_stack_is_to_blame(sysfs: Sysfs) -> None:
    sysfs.mapped("dm-1", "vg-root", 0, "dm-0")
    sysfs.mapped("dm-0", "luks", 1, "sda")
    sysfs.device("sda", in_flight=3)
    found = named_device("dm-1")
    assert found.text == "dm-1 on dm-0 (suspended by device-mapper)"
    assert found.target == "dm:luks"


def test_requests_that_never_reached_the_disk_are_not_its_fault(sysfs: Sysfs) -> None:
    sysfs.mapped("dm-1", "vg-root", 0, "dm-0")
    sysfs.mapped("dm-0", "luks", 0, "sda")
    sysfs.device("sda", in_flight=0)
    assert way_down("dm-1") == ("dm-1", "dm-0")


def test_the_member_of_an_array_that_is_busy(sysfs: Sysfs) -> None:
    sysfs.device("md0", "sda", "sdb", in_flight=1)
    sysfs.device("sda")
    sysfs.device("sdb", in_flight=2)
    assert way_down("md0") == ("md0", "sdb")


def test_a_partition_stands_for_its_disk(sysfs: Sysfs) -> None:
    sysfs.device("sda", in_flight=1)
    (sysfs.folder / "sda" / "sda1").mkdir()
    (sysfs.folder / "sda" / "sda1" / "partition").write_text("1\n")
    (sysfs.folder / "sda1").symlink_to("sda/sda1")
    sysfs.mapped("dm-0", "luks", 0, "sda1")
    assert way_down("dm-0") == ("dm-0", "sda")
    assert named_device("sda1").text == "sda1"


def test_a_loop_device_has_its_file_beneath(sysfs: Sysfs) -> None:
    sysfs.mapped("dm-0", "luks", 0, "loop0")
    sysfs.device("loop0", in_flight=1, loop__backing_file="/data/disk.img")
    assert named_device("dm-0").text == "dm-0 on loop0 on /data/disk.img"


def test_a_stack_without_end(sysfs: Sysfs) -> None:
    """sysfs of a running machine changes while it is read."""
    sysfs.device("dm-0", "dm-0", in_flight=1)
    assert set(way_down("dm-0")) == {"dm-0"}


def test_a_device_that_is_gone(sysfs: Sysfs) -> None:
    assert named_device("sdz").text == "sdz"
