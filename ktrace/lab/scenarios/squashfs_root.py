"""The natural hang of squashfs-oom, with ktrace on the very file system that hangs.

Root is one squashfs: Python, its libraries, ktrace, and the programs that want too much memory. All
of it competes for page cache, and comes back through the three entries of one cache. What ktrace
did not lock into memory before, it would wait for with everybody else.
"""

from functools import partial
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import ROOT_MOUNTS, root_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import squashfs_oom as natural

MEMORY_MB = 192
PROCESSES = 24
DISK_RATE = 2000
SECONDS = 60.0
_ROOT = "/workload"
_OOM_SCORE_ADJ_MIN = -1000
# ktrace and its writer, by the names that they give themselves; the shell's pattern is no comm
_OWN = "for p in $(pidof ktrace-file) $(cat /run/ktrace.pid); do"


def mount(stage: Stage) -> None:
    """The lab's own shell, in the initramfs, must outlive the shortage."""
    check = stage.guest.check
    check("echo -1000 >/proc/$$/oom_score_adj")
    check("insmod /modules/squashfs.ko")
    check(f"mount -t squashfs -o ro /dev/disk/workload {_ROOT}")
    for name in ROOT_MOUNTS:
        check(f"mount -o bind /{name} {_ROOT}/{name}")
    check(f"cp {_ROOT}/programs/thrash /run/thrash")


def note_faults(stage: Stage) -> None:
    """Before the shortage."""
    stage.kept["faults before"] = _major_faults(stage)


def check_ktrace(stage: Stage) -> None:
    """It was not to be killed, and has waited for no page."""
    scores = stage.guest.check(f"{_OWN} cat /proc/$p/oom_score_adj; done").split()
    if scores != [str(_OOM_SCORE_ADJ_MIN)] * 2:
        raise LabError(f"the OOM killer may kill ktrace: oom_score_adj {' and '.join(scores)}")
    stage.kept["major faults"] = _major_faults(stage) - stage.kept.pop("faults before")


def _major_faults(stage: Stage) -> int:
    """Of both processes so far: field 12 of /proc/PID/stat (proc(5)), whose comm has no blank."""
    lines = stage.guest.check(f"{_OWN} cut -d ' ' -f 12 /proc/$p/stat; done").split()
    if len(lines) != 2:
        raise LabError(f"not two processes of ktrace: {lines}")
    return sum(map(int, lines))


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    return (Disk("workload", root_disk(cache, natural.PROGRAMS, natural.PROGRAM_KIB)),)


def squashfs_root(
    memory_mb: int = MEMORY_MB,
    processes: int = PROCESSES,
    disk_rate: int = DISK_RATE,
    seconds: float = SECONDS,
) -> Scenario:
    """As squashfs_oom()."""
    shortage = f"run out of memory for {seconds:g} s, and until"
    start = partial(
        natural.start, processes=processes, disk_rate=disk_rate, programs=f"{_ROOT}/programs"
    )
    before = (
        Step("note ktrace's major faults", note_faults),
        Step(f"slow the disk to {disk_rate} kB/s, start {processes} programs", start),
    )
    after = (
        Step("speed the disk up, end the programs", natural.end),
        Step("count the OOM kills", natural.check_kills),
        Step("look at ktrace", check_ktrace),
    )
    stuck = Step(f"{shortage} a victim is stuck", partial(natural.suffer, seconds=seconds))
    killed = Step(
        f"{shortage} {natural.LEAST_KILLS} processes are killed",
        partial(natural.suffer_elsewhere, seconds=seconds),
    )
    return Scenario(
        name="squashfs-root",
        summary="the natural hang, with ktrace itself on the squashfs that hangs",
        command=("chroot", _ROOT, *ktrace_command("oom-hang")),
        modules=("squashfs",),
        disks=disks,
        own_root=True,
        prepare=(Step("load squashfs and mount the root of ktrace", mount),),
        steps=(*before, stuck, *after),
        steps_elsewhere=(*before, killed, *after),
        memory_mb=memory_mb,
    )


SQUASHFS_ROOT = squashfs_root()
