"""The hang as it comes by itself: OOM kills while everybody waits for a slow disk.

No artificial stall: a guest without swap, and on a slow disk a squashfs with programs that want
more memory than there is. Page cache is thrown out and read again all the time, through the three
entries of squashfs's cache for fragments; files smaller than a block are in fragments. The OOM
killer chooses tasks that are asleep in squashfs_cache_get() in wait_event(), which SIGKILL does
not wake: they stay until the cache comes to them, many seconds later.

What it takes was found by trying: slow media, and files in fragments. How many victims get stuck
and how long is luck, so run it several times. The shortage goes on until one victim was stuck, or
on a kernel that may not have the bug until enough were killed; a run without that is no result.
"""

from functools import partial
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import thrash_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

MEMORY_MB = 192
PROCESSES = 32
DISK_RATE = 2000
SECONDS = 60.0
PROGRAMS = 64
PROGRAM_KIB = 875  # two of them do not fit into a block of 1 MiB
GROWN_MB = 16
LEAST_KILLS = 3  # on Debian's 6.1 four of five victims get stuck
WAITS_IN = "squashfs_cache_get"


def mount(stage: Stage) -> None:
    """The lab's own shell must outlive the shortage."""
    stage.guest.check("echo -1000 >/proc/$$/oom_score_adj")
    stage.guest.check("insmod /modules/squashfs.ko")
    stage.wait_traced(b'"event":"probe_change"')  # later there is no memory for it
    stage.guest.check("mount -t squashfs -o ro /dev/disk/workload /workload")
    # Not on the disk that will be slow.
    stage.guest.check("cp /workload/thrash /run/thrash")


def start(stage: Stage, processes: int, disk_rate: int, programs: str = "/workload") -> None:
    """Make the disk slow, then start the supervisor. programs: their folder."""
    stage.guest.throttle("workload", disk_rate * 1000)
    command = f"/run/thrash supervise {programs} {PROGRAMS} {processes} {GROWN_MB}"
    # the OOM killer may choose busybox's shell; the supervisor inherits that it may not be chosen
    answer = stage.guest.check(f"{command} >/dev/console 2>&1 & echo $!")
    stage.pids["supervisor"] = [int(answer)]


def suffer(stage: Stage, seconds: float) -> None:
    """The guest is left alone: it has no memory for questions. What happens is in the trace."""
    if not stage.give_time(seconds, victim_stuck):
        raise LabError(f"no victim of the OOM killer got stuck in {WAITS_IN}(): run it again")


def suffer_elsewhere(stage: Stage, seconds: float) -> None:
    """Nobody has to get stuck, but enough processes have to be killed to say so."""
    if not stage.give_time(seconds, lambda trace: oom_kills(trace) >= LEAST_KILLS):
        raise LabError(f"the OOM killer killed fewer than {LEAST_KILLS} processes: run it again")


def victim_stuck(trace: bytes) -> bool:
    """Has ktrace told of a victim of the OOM killer in squashfs_cache_get()?"""
    wanted = (b'"finding":"stuck-task"', b'"by":"oom"', b'"wait":{"function":"squashfs_cache_get"')
    return any(all(text in line for text in wanted) for line in trace.splitlines())


def oom_kills(trace: bytes) -> int:
    """How many OOM kills ktrace has seen."""
    return trace.count(b'"event":"oom_kill"')


def end(stage: Stage) -> None:
    """A fast disk again, and nobody who wants memory."""
    stage.guest.throttle("workload", 0)
    (supervisor,) = stage.pids["supervisor"]
    stage.guest.check(f"kill -TERM {supervisor}")
    stage.guest.wait(f"[ ! -d /proc/{supervisor} ]")


def check_kills(stage: Stage) -> None:
    """Without an OOM kill nobody could get stuck after one."""
    kills = int(stage.guest.check("grep '^oom_kill ' /proc/vmstat").split()[1])
    if not kills:
        raise LabError("memory was never so short that the OOM killer killed")


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    return (Disk("workload", thrash_disk(cache, PROGRAMS, PROGRAM_KIB)),)


def squashfs_oom(
    memory_mb: int = MEMORY_MB,
    processes: int = PROCESSES,
    disk_rate: int = DISK_RATE,
    seconds: float = SECONDS,
) -> Scenario:
    """disk_rate: kB/s; seconds: for how long the guest has no memory, at least."""
    before = (
        Step("load squashfs and mount the workload", mount),
        Step(
            f"slow the disk to {disk_rate} kB/s, start {processes} programs",
            partial(start, processes=processes, disk_rate=disk_rate),
        ),
    )
    after = (
        Step("speed the disk up, end the programs", end),
        Step("count the OOM kills", check_kills),
    )
    shortage = f"run out of memory for {seconds:g} s, and until"
    stuck = Step(f"{shortage} a victim is stuck", partial(suffer, seconds=seconds))
    killed = Step(
        f"{shortage} {LEAST_KILLS} processes are killed", partial(suffer_elsewhere, seconds=seconds)
    )
    return Scenario(
        name="squashfs-oom",
        summary="the natural hang: OOM kills on a slow squashfs, no stall (parameters: see run -h)",
        command=ktrace_command("oom-hang"),
        modules=("squashfs",),
        disks=disks,
        steps=(*before, stuck, *after),
        steps_elsewhere=(*before, killed, *after),
        memory_mb=memory_mb,
    )


SQUASHFS_OOM = squashfs_oom()
