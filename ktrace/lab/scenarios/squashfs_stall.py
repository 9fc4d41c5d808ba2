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
from pathlib import Path

from ktrace.lab.build.image import workload_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest import task
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

GROUPS = "abcd"
FILES_PER_GROUP = 7
# Seven of these fit into a fragment block of 1 MiB, eight do not.
FILE_KIB = 130
HOG_MB = 64
GROUP_MB = 80
HOLD_S = 10.0
READY = "/run/ready"
CGROUP = "/sys/fs/cgroup/lab"
WAITS_IN = "squashfs_cache_get"
FILLER_WAITS_IN = "submit_bio_wait"

PENDING = "waiters for a pending entry"
FULL = "waiters for a free entry"
HOG = "hog"
FILLERS = "fillers"
ASKER = "asker"
DIRECT = "direct"


def mount(stage: Stage) -> None:
    """Load squashfs only now: ktrace has to notice a module that comes later."""
    stage.guest.check("insmod /modules/squashfs.ko")
    stage.wait_traced(b'"event":"probe_change"')
    stage.guest.check("mount -t squashfs -o ro /dev/disk/workload /workload")


def start_workload(stage: Stage) -> None:
    """Start every task and wait until it has all that it needs before the disk stalls."""
    stage.guest.check(f"mkdir {READY}")
    _make_group(stage)
    stage.pids[FILLERS] = [_start(stage, "filler", name) for name in ("a0", "b0", "c0")]
    stage.pids[PENDING] = _start_waiters(stage, ("a1", "a2", "a3"), ("a4", "a5", "a6"))
    stage.pids[FULL] = _start_waiters(stage, ("d0", "d1", "d2"), ("d3", "d4", "d5"))
    stage.pids[HOG] = [_start(stage, "hog", "d6", str(HOG_MB), grouped=True, adjust=1000)]
    stage.pids[ASKER] = [_start(stage, "asker", grouped=True)]
    stage.pids[DIRECT] = [_start(stage, "direct", "/dev/disk/workload")]
    count = sum(len(pids) for pids in stage.pids.values())
    stage.guest.wait(f"[ $(ls {READY} | wc -l) -eq {count} ]")


def stall_disk(stage: Stage) -> None:
    """One byte a second; the first request still gets through, so spend it at once."""
    stage.guest.throttle("workload", 1)
    _go(stage, DIRECT)
    _wait_gone(stage, DIRECT)


def fill_cache(stage: Stage) -> None:
    """Three tasks, each filling one entry from a disk that does not answer."""
    _go(stage, FILLERS)
    _wait_in(stage, FILLERS, FILLER_WAITS_IN)


def wait_for_pending_entry(stage: Stage) -> None:
    """Readers and page faults that want what the first filler is reading."""
    _go(stage, PENDING)
    _wait_in(stage, PENDING, WAITS_IN)


def wait_for_free_entry(stage: Stage) -> None:
    """Readers, page faults and the hog, which want a fourth entry."""
    for part in (FULL, HOG):
        _go(stage, part)
        _wait_in(stage, part, WAITS_IN)
    _check_two_places(stage)


def run_out_of_memory(stage: Stage) -> None:
    """The asker takes memory until the OOM killer has chosen the hog."""
    _make_oom_kill(stage)
    _check_stuck(stage, (HOG,))


def kill_waiters(stage: Stage) -> None:
    """SIGKILL to all waiters, and to one filler, which sleeps in the block layer."""
    stage.pids["killed filler"] = [stage.pids[FILLERS].pop()]
    victims = stage.pids[PENDING] + stage.pids[FULL] + stage.pids["killed filler"]
    stage.guest.check("kill -KILL " + _words(victims))


def hold(stage: Stage) -> None:
    """Nothing happens for a while; that is the bug."""
    time.sleep(HOLD_S)
    _check_stuck(stage, (PENDING, FULL, HOG, "killed filler"))


def resume_disk(stage: Stage) -> None:
    """The disk goes on: the killed die at once, the fillers end as if nothing had been."""
    stage.guest.throttle("workload", 0)
    for part in stage.pids:
        _wait_gone(stage, part)


def disks(cache: Path) -> tuple[Disk, ...]:
    """The disk to be stalled."""
    return (Disk("workload", workload_disk(cache, GROUPS, FILES_PER_GROUP, FILE_KIB)),)


def _make_oom_kill(stage: Stage) -> None:
    _go(stage, ASKER)
    _wait_gone(stage, ASKER)


def _wait_for_nothing(stage: Stage) -> None:
    time.sleep(HOLD_S)


def _make_group(stage: Stage) -> None:
    """A memory cgroup for the hog and the asker.

    When the whole guest is short of memory, anybody may be the one for whom the OOM killer
    kills: ktrace too. In the group it can only be the asker.
    """
    stage.guest.check("echo +memory >/sys/fs/cgroup/cgroup.subtree_control")
    stage.guest.check(f"mkdir {CGROUP} && echo {GROUP_MB}M >{CGROUP}/memory.max")


def _start(
    stage: Stage,
    role: str,
    file: str = "",
    *arguments: str,
    grouped: bool = False,
    adjust: int = 0,
) -> int:
    """Start the workload in a role, with `file` of the squashfs; its pid."""
    path = f"/workload/{file}" if file and not file.startswith("/") else file
    words = " ".join(["exec /workload/workload", role, READY, path, *arguments])
    prepare = f"echo {adjust} >/proc/self/oom_score_adj; "
    if grouped:
        prepare += f"echo 0 >{CGROUP}/cgroup.procs; "
    return int(stage.guest.check(f"{{ {prepare}{words}; }} >/dev/console 2>&1 & echo $!"))


def _start_waiters(stage: Stage, read: tuple[str, ...], faulted: tuple[str, ...]) -> list[int]:
    readers = [_start(stage, "reader", name) for name in read]
    return readers + [_start(stage, "faulter", name) for name in faulted]


def _go(stage: Stage, part: str) -> None:
    stage.guest.check("kill -USR1 " + _words(stage.pids[part]))


def _wait_in(stage: Stage, part: str, function: str) -> None:
    for pid in stage.pids[part]:
        stage.guest.wait(f"grep -q {function} /proc/{pid}/stack")


def _wait_gone(stage: Stage, part: str) -> None:
    for pid in stage.pids[part]:
        stage.guest.wait(f"[ ! -d /proc/{pid} ]")


def _facts(stage: Stage, pid: int) -> task.TaskFacts:
    return task.parse(stage.guest.check(task.question(pid)))


def _check_two_places(stage: Stage) -> None:
    """The two parts must sleep in the two different wait_event()s of squashfs_cache_get()."""
    pending = {_facts(stage, pid).place_in(WAITS_IN) for pid in stage.pids[PENDING]}
    full = {_facts(stage, pid).place_in(WAITS_IN) for pid in stage.pids[FULL]}
    if len(pending) != 1 or len(full) != 1 or pending == full:
        raise LabError(f"the hang has not formed: waiting at {pending} and at {full}")


def _check_stuck(stage: Stage, parts: tuple[str, ...]) -> None:
    for part in parts:
        for pid in stage.pids[part]:
            facts = _facts(stage, pid)
            if facts.state != "D" or not facts.sigkill_pending:
                raise LabError(f"task {pid} ({part}) is not stuck after SIGKILL: {facts}")


def _words(pids: list[int]) -> str:
    return " ".join(map(str, pids))


_BEFORE = (
    Step("load squashfs and mount the workload", mount),
    Step("start the workload", start_workload),
    Step("stall the disk", stall_disk),
    Step("fill squashfs's cache", fill_cache),
    Step("let tasks wait for an entry that is being filled", wait_for_pending_entry),
    Step("let tasks wait for a free entry", wait_for_free_entry),
)
_KILL = Step("kill the other waiters", kill_waiters)
_RESUME = Step("resume the disk", resume_disk)

SQUASHFS_STALL = Scenario(
    name="squashfs-stall",
    summary="tasks that SIGKILL cannot end, in squashfs_cache_get(), while the disk is stalled",
    command=ktrace_command("oom-hang"),
    modules=("squashfs",),
    disks=disks,
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
