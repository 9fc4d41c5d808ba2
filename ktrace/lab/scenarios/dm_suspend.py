"""Killed tasks that wait for an ext4 on a device that device-mapper has suspended.

A suspended device keeps what is sent to it until `dmsetup resume`. Who looks up a name in a
directory that is not in memory waits for a buffer, which SIGKILL does not end; who wants to make a
directory there waits for the lock that the first holds; who reads the device itself waits for its
bio. And writers of a FIFO wait for its mutex, whose holder, which nobody killed, waits for a folio
of the file system, as in lock-chain.
"""

from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import program_disk
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import workload
from ktrace.lab.scenarios.lock_chain import FIFO, IN_WRITE

NAME = "lab"
DATA = "/data"
PROGRAMS = "/workload"
WORKLOAD = f"{PROGRAMS}/workload"
MAPPER = f"{PROGRAMS}/device_mapper"
LOWER, UPPER = "lower", "upper"  # one on the other
FOLDER = f"{DATA}/lost+found"  # which mke2fs makes, and nobody has looked into
LOOKERS = "lookers"
MAKER = "maker"
DIRECT = "direct"
STACKED = "stacked"
HOLDER = "holder"
WAITERS = "waiters"
KILLED = (LOOKERS, MAKER, DIRECT, STACKED, WAITERS)
KILLED_COUNT = 7
HOLD_S = 3.0


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    """One image three times: the programs, and what lies under the devices that are suspended."""
    image = program_disk(cache, arch, "workload", "device_mapper")
    return (Disk("programs", image), Disk("data", image), Disk("under", image))


def map_device(stage: Stage) -> None:
    """Linear devices over all of a disk: one with its ext4 mounted, and one under a third."""
    stage.guest.check("insmod /modules/dm_mod.ko")
    stage.guest.check(f"mount -t ext4 -o ro /dev/disk/programs {PROGRAMS}")
    stage.guest.check(f"{MAPPER} create {NAME} $(readlink -f /dev/disk/data)")
    stage.guest.check(f"{MAPPER} create {LOWER} $(readlink -f /dev/disk/under)")
    stage.guest.check(f"{MAPPER} create {UPPER} /dev/dm-1")
    stage.guest.check(f"mkdir {DATA} && mount -t ext4 -o ro /dev/dm-0 {DATA}")


def start_workload(stage: Stage) -> None:
    """Start every task and wait until it has all that it needs before the device is suspended."""
    workload.prepare(stage)
    stage.guest.check(f"mkfifo {FIFO}")
    stage.pids[HOLDER] = [_start(stage, "holder", f"{DATA}/workload", FIFO)]
    stage.pids[WAITERS] = [_start(stage, "waiter", FIFO) for _ in range(2)]
    stage.pids[LOOKERS] = [_start(stage, "looker", f"{FOLDER}/{name}") for name in "ab"]
    stage.pids[MAKER] = [_start(stage, "maker", f"{FOLDER}/c")]
    stage.pids[DIRECT] = [_start(stage, "direct", "/dev/dm-0")]
    stage.pids[STACKED] = [_start(stage, "direct", "/dev/dm-2")]
    workload.wait_ready(stage)


def suspend(stage: Stage) -> None:
    for name in (NAME, LOWER):
        stage.guest.check(f"{MAPPER} suspend {name}")


def wait_for_the_device(stage: Stage) -> None:
    """A buffer, a folio, and a bio of the device."""
    workload.go(stage, LOOKERS)
    workload.wait_in(stage, LOOKERS, "ext4_lookup")
    workload.go(stage, HOLDER)
    workload.wait_in(stage, HOLDER, IN_WRITE)
    workload.wait_in(stage, HOLDER, "filemap_fault")
    for reader in (DIRECT, STACKED):
        workload.go(stage, reader)
        workload.wait_in(stage, reader, "blkdev_direct_IO|blkdev_read_iter")


def wait_for_locks(stage: Stage) -> None:
    """Those behind the ones that wait for the device."""
    workload.go(stage, MAKER)
    workload.wait_in(stage, MAKER, "mkdir")
    workload.go(stage, WAITERS)
    workload.wait_in(stage, WAITERS, IN_WRITE)


def kill(stage: Stage) -> None:
    """All but the holder of the pipe's mutex."""
    workload.kill(stage, *KILLED)


def hold(stage: Stage) -> None:
    """Nothing happens until ktrace has seen every one of them stuck, and what the holder waits
    for."""
    stage.give_time(HOLD_S, _is_seen)
    workload.check_stuck(stage, *KILLED)


def resume(stage: Stage) -> None:
    """The devices go on, and every task ends."""
    for name in (NAME, LOWER):
        stage.guest.check(f"{MAPPER} resume {name}")
    workload.wait_gone(stage, *stage.pids)


def _is_seen(trace: bytes) -> bool:
    return trace.count(b'"status":"open"') >= KILLED_COUNT and b'"wait":"folio"' in trace


def _start(stage: Stage, role: str, *arguments: str) -> int:
    return workload.start(stage, WORKLOAD, role, *arguments)


DM_SUSPEND = Scenario(
    name="dm-suspend",
    summary="killed tasks that wait for an ext4 on a device that device-mapper has suspended",
    command=ktrace_command("oom-hang"),
    modules=("dm_mod",),
    disks=disks,
    steps=(
        Step("map a device and mount its ext4", map_device),
        Step("start the workload", start_workload),
        Step("suspend the device", suspend),
        Step("let tasks wait for the device", wait_for_the_device),
        Step("let tasks wait for what those hold", wait_for_locks),
        Step("kill them", kill),
        Step("hold the suspension", hold),
        Step("resume the device", resume),
    ),
)
