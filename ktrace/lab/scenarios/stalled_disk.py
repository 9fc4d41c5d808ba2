"""A squashfs on a disk that stalls when a scenario wants it, and goes on when it wants that."""

from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import workload_disk
from ktrace.lab.guest.guest import Disk
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import workload

GROUPS = "abcd"
FILES_PER_GROUP = 7
# Seven of these fit into a fragment block of 256 KiB, eight do not.
FILE_KIB = 33
PROGRAM = "/workload/workload"
DIRECT = "direct"
READS_IN = "submit_bio_wait|bio_await"  # who fills an entry of squashfs's cache; bio_await: 7.2
CACHE_GET = "squashfs_cache_get"
_NAME = "workload"


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    """The disk to be stalled."""
    return (Disk(_NAME, workload_disk(cache, arch, GROUPS, FILES_PER_GROUP, FILE_KIB)),)


def mount(stage: Stage) -> None:
    """Load squashfs only now: ktrace has to notice a module that comes later."""
    stage.guest.check("insmod /modules/squashfs.ko")
    stage.wait_traced(b'"event":"probe_change"')
    stage.guest.check(f"mount -t squashfs -o ro /dev/disk/{_NAME} /workload")


def start_direct(stage: Stage) -> None:
    """Start the task that stall() needs."""
    stage.pids[DIRECT] = [workload.start(stage, PROGRAM, "direct", f"/dev/disk/{_NAME}")]


def stall(stage: Stage) -> None:
    """One byte a second; the first request still gets through, so spend it at once."""
    stage.guest.throttle(_NAME, 1)
    workload.go(stage, DIRECT)
    workload.wait_gone(stage, DIRECT)


def resume(stage: Stage) -> None:
    """The disk goes on, and every task of the stage ends."""
    stage.guest.throttle(_NAME, 0)
    workload.wait_gone(stage, *stage.pids)
