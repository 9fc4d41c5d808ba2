"""Tasks that SIGKILL cannot end: they wait for squashfs's cache while the disk is stalled.

squashfs reads files that are smaller than a block through a cache of three entries. Whoever
needs an entry that another task is filling, or any entry while all are being filled, sleeps in
squashfs_cache_get() in wait_event(), which SIGKILL does not wake. Here the disk is stalled from
outside, so the hang lasts as long as it is wanted, and ends when the disk goes on.

The files of a group (a, b, c, d) share one fragment block. Three fillers read a, b and c, and
so fill the cache. Then tasks that want a wait for a pending entry, and tasks that want d wait
for a free one.
"""

import time

from ktrace.lab.errors import LabError
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import stalled_disk, workload

HOG_MB = 64
SMALL_MB = 256  # a guest with less has a sixteenth of it for the hog
HOLD_S = 10.0
CGROUP = "/sys/fs/cgroup/lab"

PENDING = "waiters for a pending entry"
FULL = "waiters for a free entry"
HOG = "hog"
FILLERS = "fillers"
ASKER = "asker"
KILLED_FILLER = "killed filler"


def start_workload(stage: Stage) -> None:
    """Start every task and wait until it has all that it needs before the disk stalls."""
    workload.prepare(stage)
    _make_group(stage)
    stage.pids[FILLERS] = [_start(stage, "filler", name) for name in ("a0", "b0", "c0")]
    stage.pids[PENDING] = _start_waiters(stage, ("a1", "a2", "a3"), ("a4", "a5", "a6"))
    stage.pids[FULL] = _start_waiters(stage, ("d0", "d1", "d2"), ("d3", "d4", "d5"))
    size = str(_hog_mb(stage))
    stage.pids[HOG] = [_start(stage, "hog", "d6", size, grouped=True, adjust=1000)]
    stage.pids[ASKER] = [_start(stage, "asker", grouped=True)]
    stalled_disk.start_direct(stage)
    workload.wait_ready(stage)


def fill_cache(stage: Stage) -> None:
    """Three tasks, each filling one entry from a disk that does not answer."""
    workload.go(stage, FILLERS)
    workload.wait_in(stage, FILLERS, stalled_disk.READS_IN)


def wait_for_pending_entry(stage: Stage) -> None:
    """Readers and page faults that want what the first filler is reading."""
    workload.go(stage, PENDING)
    workload.wait_in(stage, PENDING, stalled_disk.CACHE_GET)


def wait_for_free_entry(stage: Stage) -> None:
    """Readers, page faults and the hog, which want a fourth entry."""
    for part in (FULL, HOG):
        workload.go(stage, part)
        workload.wait_in(stage, part, stalled_disk.CACHE_GET)
    _check_two_places(stage)


def run_out_of_memory(stage: Stage) -> None:
    """The asker takes memory until the OOM killer has chosen the hog."""
    _make_oom_kill(stage)
    workload.check_stuck(stage, HOG)


def kill_waiters(stage: Stage) -> None:
    """SIGKILL to all waiters, and to one filler, which sleeps in the block layer."""
    stage.pids[KILLED_FILLER] = [stage.pids[FILLERS].pop()]
    workload.kill(stage, PENDING, FULL, KILLED_FILLER)


def hold(stage: Stage) -> None:
    """Nothing happens for a while; that is the bug."""
    time.sleep(HOLD_S)
    workload.check_stuck(stage, PENDING, FULL, HOG, KILLED_FILLER)


def _make_oom_kill(stage: Stage) -> None:
    workload.go(stage, ASKER)
    workload.wait_gone(stage, ASKER)


def _wait_for_nothing(stage: Stage) -> None:
    time.sleep(HOLD_S)


def _make_group(stage: Stage) -> None:
    """A memory cgroup for the hog and the asker.

    When the whole guest is short of memory, anybody may be the one for whom the OOM killer
    kills: ktrace too. In the group it can only be the asker.
    """
    stage.guest.check("echo +memory >/sys/fs/cgroup/cgroup.subtree_control")
    limit_mb = _hog_mb(stage) * 5 // 4
    stage.guest.check(f"mkdir {CGROUP} && echo {limit_mb}M >{CGROUP}/memory.max")


def _hog_mb(stage: Stage) -> int:
    memory_mb = stage.guest.machine.memory_mb
    return HOG_MB if memory_mb >= SMALL_MB else memory_mb // 16


def _start(
    stage: Stage,
    role: str,
    file: str = "",
    *arguments: str,
    grouped: bool = False,
    adjust: int = 0,
) -> int:
    """Start the workload in a role, with `file` of the squashfs; its pid."""
    before = f"echo {adjust} >/proc/self/oom_score_adj; "
    if grouped:
        before += f"echo 0 >{CGROUP}/cgroup.procs; "
    path = f"/workload/{file}" if file else "''"
    return workload.start(stage, stalled_disk.PROGRAM, role, path, *arguments, before=before)


def _start_waiters(stage: Stage, read: tuple[str, ...], faulted: tuple[str, ...]) -> list[int]:
    readers = [_start(stage, "reader", name) for name in read]
    return readers + [_start(stage, "faulter", name) for name in faulted]


def _check_two_places(stage: Stage) -> None:
    """The two parts must sleep in the two different wait_event()s of squashfs_cache_get()."""
    if not workload.facts(stage, stage.pids[FULL][0]).stack:
        return  # this kernel shows no stacks: 32-bit ARM
    pending, full = (
        {workload.facts(stage, pid).place_in(stalled_disk.CACHE_GET) for pid in stage.pids[part]}
        for part in (PENDING, FULL)
    )
    if len(pending) != 1 or len(full) != 1 or pending == full:
        raise LabError(f"the hang has not formed: waiting at {pending} and at {full}")


_BEFORE = (
    Step("load squashfs and mount the workload", stalled_disk.mount),
    Step("start the workload", start_workload),
    Step("stall the disk", stalled_disk.stall),
    Step("fill squashfs's cache", fill_cache),
    Step("let tasks wait for an entry that is being filled", wait_for_pending_entry),
    Step("let tasks wait for a free entry", wait_for_free_entry),
)
_KILL = Step("kill the other waiters", kill_waiters)
_RESUME = Step("resume the disk", stalled_disk.resume)

SQUASHFS_STALL = Scenario(
    name="squashfs-stall",
    summary="tasks that SIGKILL cannot end, in squashfs_cache_get(), while the disk is stalled",
    command=ktrace_command("oom-hang"),
    modules=("squashfs",),
    disks=stalled_disk.disks,
    arches=("amd64", "arm64", "armhf"),
    steps=(
        *_BEFORE,
        Step("run out of memory", run_out_of_memory),
        _KILL,
        Step("hold the stall", hold),
        _RESUME,
    ),
    steps_elsewhere=(
        *_BEFORE,
        Step("run out of memory", _make_oom_kill),
        _KILL,
        Step("hold the stall", _wait_for_nothing),
        _RESUME,
    ),
)
