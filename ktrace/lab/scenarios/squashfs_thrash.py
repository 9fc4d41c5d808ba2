"""Squashfs that decompresses the same blocks again and again, for want of page cache.

Programs that all fit into memory run from a squashfs, but not with all that they use of their
files: they are in a memory cgroup that is too small for it. Nothing is stalled and nobody is
killed: page cache is thrown out, and read again, a block at a time. How much that is depends on the
size of blocks, which is the scenario's parameter.
"""

from functools import partial
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import pages_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

BLOCK = "1M"
SECONDS = 20.0
PROGRAMS = 32
PROGRAM_KIB = 875  # in blocks of 1 MiB each is one fragment
PROCESSES = 16
GROWN_MB = 1
GROUP_MB = 28  # their memory takes some 20 of it
CGROUP = "/sys/fs/cgroup/lab"
_FOUND = b'"finding":"squashfs-thrash"'


def mount(stage: Stage) -> None:
    """Load squashfs only now: ktrace has to notice a module that comes later."""
    check = stage.guest.check
    check("insmod /modules/squashfs.ko")
    stage.wait_traced(b'"event":"probe_change"')
    check("mount -t squashfs -o ro /dev/disk/workload /workload")
    check("cp /workload/thrash /run/thrash")
    check("echo +memory >/sys/fs/cgroup/cgroup.subtree_control")
    check(f"mkdir {CGROUP} && echo {GROUP_MB}M >{CGROUP}/memory.max")


def start(stage: Stage) -> None:
    command = f"/run/thrash supervise /workload {PROGRAMS} {PROCESSES} {GROWN_MB}"
    grouped = f"sh -c 'echo 0 >{CGROUP}/cgroup.procs; exec {command}'"
    stage.pids["supervisor"] = [int(stage.guest.check(f"{grouped} >/dev/console 2>&1 & echo $!"))]


def thrash(stage: Stage, seconds: float) -> None:
    """For so long, and until ktrace has told of it."""
    if not stage.give_time(seconds, lambda trace: _FOUND in trace):
        raise LabError("ktrace has told of no thrash of squashfs")


def thrash_elsewhere(stage: Stage, seconds: float) -> None:
    """Nothing has to be found."""
    stage.give_time(seconds, lambda trace: True)


def end(stage: Stage) -> None:
    (supervisor,) = stage.pids["supervisor"]
    stage.guest.check(f"kill -TERM {supervisor}")
    stage.guest.wait(f"[ ! -d /proc/{supervisor} ]")


def check_kills(stage: Stage) -> None:
    """Memory that is too short for the programs themselves would be another problem."""
    kills = int(stage.guest.check("grep '^oom_kill ' /proc/vmstat").split()[1])
    if kills:
        raise LabError(f"the OOM killer killed {kills} times: memory was too short")


def squashfs_thrash(block: str = BLOCK, seconds: float = SECONDS) -> Scenario:
    """block: as mksquashfs -b has it."""

    def disks(cache: Path, _arch: Arch) -> tuple[Disk, ...]:
        return (Disk("workload", pages_disk(cache, PROGRAMS, PROGRAM_KIB, block)),)

    before = (
        Step(f"load squashfs and mount the workload, of blocks of {block}", mount),
        Step(f"start {PROCESSES} programs in {GROUP_MB} MiB", start),
    )
    after = (
        Step("end the programs", end),
        Step("see that nobody was killed", check_kills),
    )
    run = f"run for {seconds:g} s"
    found = Step(f"{run}, and until a thrash is told", partial(thrash, seconds=seconds))
    elsewhere = Step(run, partial(thrash_elsewhere, seconds=seconds))
    return Scenario(
        name="squashfs-thrash",
        summary="blocks of squashfs that are decompressed again and again (--block: their size)",
        command=ktrace_command("squashfs"),
        modules=("squashfs",),
        disks=disks,
        steps=(*before, found, *after),
        steps_elsewhere=(*before, elsewhere, *after),
    )


SQUASHFS_THRASH = squashfs_thrash()
