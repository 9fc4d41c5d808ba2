"""The classic OOM deadlock: memory waits for a task to die that waits for who wants memory.

A memory cgroup at its limit. One task holds the mutex of a FIFO and needs a page to go on; it may
not be killed (oom_score_adj -1000). The others may, and each of them waits for that mutex, which
SIGKILL does not end: victim -> holder of the mutex -> memory -> victim. Their memory is shared, so
the OOM reaper gets nothing, and gives up after two seconds: then the kernel kills the next one,
and when all are killed, the holder's write fails and everything dies. Nobody is in it for ever.
"""

import re
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import program_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import workload

PROGRAM = "/workload/oom_deadlock"
CGROUP = "/sys/fs/cgroup/deadlock"
FIFO = "/run/fifo"
HOLDER = "holder"
VICTIMS = "victims"
VICTIM_COUNT = 10  # the OOM killer takes one every two seconds
VICTIM_MB = 4
SPARE_KIB = 64  # the holder needs 15 MiB, more than the OOM reaper takes from all victims
HOLD_S = 3.0
NOTICE_S = 12.0  # more than that the victims do not last
IN_WRITE = "pipe_write"  # anon_pipe_write, fifo_pipe_write: newer kernels


def start_workload(stage: Stage) -> None:
    """Everybody has what is needed before the limit is set."""
    stage.guest.check("mount -t ext4 -o ro /dev/disk/workload /workload")
    stage.guest.check(
        f"echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CGROUP}; mkfifo {FIFO}"
    )
    workload.prepare(stage)
    stage.pids[HOLDER] = [_start(stage, "holder", -1000)]
    adjusts = [1000 - 100 * number for number in range(VICTIM_COUNT)]
    stage.pids[VICTIMS] = [_start(stage, "victim", adjust) for adjust in adjusts]
    workload.wait_ready(stage)


def hold_the_mutex(stage: Stage) -> None:
    """The holder's write waits for its first page, with the mutex held."""
    workload.go(stage, HOLDER)
    workload.wait_in(stage, HOLDER, "handle_userfault")


def wait_for_the_mutex(stage: Stage) -> None:
    """All who may be killed."""
    workload.go(stage, VICTIMS)
    workload.wait_in(stage, VICTIMS, IN_WRITE)


def run_out_of_memory(stage: Stage) -> None:
    """No more memory than there is, and the holder gets its first page."""
    limit = f"$(( $(cat {CGROUP}/memory.current) + {SPARE_KIB * 1024} ))"
    stage.guest.check(f"echo {limit} >{CGROUP}/memory.max")
    stage.guest.check(f"kill -USR2 {stage.pids[HOLDER][0]}")
    stage.guest.wait(f"[ {_kills()} -gt 0 ]")


def hold(stage: Stage) -> None:
    """Until ktrace has named the cycle, and where the holder runs."""
    stage.give_time(HOLD_S, is_seen, NOTICE_S)
    check_held(stage)


def check_held(stage: Stage) -> None:
    """Nobody has died, though somebody was killed."""
    kills = int(stage.guest.check(f"echo {_kills()}"))
    alive = int(stage.guest.check(f"grep -l {IN_WRITE} /proc/[0-9]*/stack | wc -l"))
    if not kills or alive < VICTIM_COUNT:
        raise LabError(f"the deadlock did not hold: {kills} OOM kills, {alive} tasks wait")


def is_seen(trace: bytes) -> bool:
    """Is there a finding with a cycle, and a sample of where its holder runs?"""
    found = (line for line in trace.splitlines() if b'"finding":"stuck-task"' in line)
    cycle = any(re.search(rb'"cycle_to":\d', line) for line in found)
    return cycle and b'"event":"task_runs"' in trace


def release(stage: Stage) -> None:
    """Memory for the holder: it goes on, and who was killed dies."""
    stage.guest.check(f"echo max >{CGROUP}/memory.max")
    workload.wait_gone(stage, *stage.pids)


def _kills() -> str:
    return f"$(sed -n 's/^oom_kill //p' {CGROUP}/memory.events)"


def _start(stage: Stage, role: str, adjust: int) -> int:
    before = f"echo {adjust} >/proc/self/oom_score_adj; echo 0 >{CGROUP}/cgroup.procs; "
    return workload.start(stage, PROGRAM, role, FIFO, str(VICTIM_MB), before=before)


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    """The disk with the program."""
    return (Disk("workload", program_disk(cache, arch, "oom_deadlock")),)


OOM_DEADLOCK = Scenario(
    name="oom-deadlock",
    summary="OOM victims behind a mutex, whose holder waits for the memory of the victims",
    command=ktrace_command("oom-hang"),
    modules=(),
    disks=disks,
    steps=(
        Step("start tasks in a memory cgroup", start_workload),
        Step("let one hold a mutex", hold_the_mutex),
        Step("let the others wait for the mutex", wait_for_the_mutex),
        Step("let the holder run into the limit of the cgroup", run_out_of_memory),
        Step("hold the deadlock", hold),
        Step("raise the limit", release),
    ),
)
