"""Kernel threads that hold and wait for each kind of lock, by their names: the truth that wait
chains are measured against.

A module starts them: hold-mutex holds what wait-mutex waits for, and so on; where nobody holds, as
of a completion, there is only who waits. Processes hold an mmap_lock, in a page fault and for
writing. One process that waits for the mutex is killed, so that ktrace looks at what blocks it, and
at all that sleep uninterruptibly beside it. Last a grace period of RCU is held up, which nothing
may wait for that the lab itself needs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import program_disk
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import workload

MODULE = "lock_kinds"
DEVICE = f"/dev/{MODULE}"
PROGRAMS = "/workload"
KILLED = "killed"
MMAP_WRITER, MMAP_READER = "mmap-writer", "mmap-reader"  # those who hold
FOR_MMAP_WRITER, FOR_MMAP_READER = "for-mmap-writer", "for-mmap-reader"
WORKER = "worker"
THREADS = (
    *("wait-mutex", "wait-rwsem-w", "wait-rwsem-r", "wait-semaphore", "wait-rt-mutex"),
    *("wait-percpu-w", "wait-percpu-r", "wait-folio", "wait-srcu", "wait-completion", "wait-bit"),
    *(
        "wait-event",
        "wait-work",
        "wait-pending",
        "wait-workqueue",
        "wait-stop",
        "wait-nameless",
        "wait-rcu",
    ),
)
HOLD_S = 3.0
HELD_UNTIL = "held until"  # kept: hundredths of a second of the guest's CLOCK_BOOTTIME


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    """The program that faults."""
    return (Disk("programs", program_disk(cache, arch, "workload")),)


def load_module(stage: Stage) -> None:
    """Every thread that holds, then who waits for it."""
    stage.guest.check(f"mount -t ext4 -o ro /dev/disk/programs {PROGRAMS}")
    stage.guest.check(f"insmod /modules/{MODULE}.ko")
    stage.kept[WORKER] = int(stage.guest.check(f"cat /sys/module/{MODULE}/parameters/worker"))


def hold_mmap_locks(stage: Stage) -> None:
    """One by page faults of two threads, and one for writing; then who waits for them."""
    workload.prepare(stage)
    faults = workload.start(stage, f"{PROGRAMS}/workload", "faulters", DEVICE)
    stage.pids[MMAP_READER] = [faults]
    workload.wait_ready(stage)
    workload.go(stage, MMAP_READER)
    stacks = f"cat /proc/{faults}/task/*/stack"
    stage.guest.wait(f"[ $({stacks} | grep -c lock_kinds_fault) -eq 2 ]")
    writes = _shell(stage, MMAP_WRITER, f"echo mmap >{DEVICE}")
    workload.wait_in(stage, MMAP_WRITER, "lock_kinds_write")
    for part, pid in ((FOR_MMAP_READER, faults), (FOR_MMAP_WRITER, writes)):
        _shell(stage, part, f"echo 5 >/proc/{pid}/clear_refs")
        workload.wait_in(stage, part, "clear_refs_write")


def kill(stage: Stage) -> None:
    """Somebody who waits for the mutex."""
    _shell(stage, KILLED, f"echo mutex >{DEVICE}")
    workload.wait_in(stage, KILLED, "lock_kinds_write")
    workload.kill(stage, KILLED)


def hold_up_rcu(stage: Stage) -> None:
    """The kernel is not to complain, which takes long on this console."""
    stage.guest.check("echo 1 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress")
    stage.guest.check(f"echo rcu-tasks >{DEVICE}")
    stage.guest.check(f"echo rcu >{DEVICE}")


def hold(stage: Stage) -> None:
    """Until ktrace has told what every thread waits for."""
    stage.give_time(HOLD_S, _is_seen, 12)
    workload.check_stuck(stage, KILLED)


def release(stage: Stage) -> None:
    """All let go, and end. A look meanwhile finds them in the middle of that."""
    uptime = stage.guest.check("cat /proc/uptime").split()[0]
    stage.kept[HELD_UNTIL] = int(uptime.replace(".", ""))
    stage.guest.check(f"echo release >{DEVICE}")
    workload.wait_gone(stage, *stage.pids)


def waits(trace: bytes) -> Iterator[dict[str, Any]]:
    """Its task_wait events."""
    for line in trace.splitlines():
        if b'"task_wait"' in line:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the last line, which is being written
            if record.get("event") == "task_wait":
                yield record


def _is_seen(trace: bytes) -> bool:
    return {wait["task"]["comm"] for wait in waits(trace)} >= {*THREADS}


def _shell(stage: Stage, part: str, command: str) -> int:
    pid = int(stage.guest.check(f"sh -c '{command}' >/dev/null 2>&1 & echo $!"))
    stage.pids[part] = [pid]
    return pid


LOCK_KINDS = Scenario(
    name="lock-kinds",
    summary="threads that hold and wait for each kind of lock, by their names",
    command=ktrace_command("oom-hang"),
    modules=(),
    disks=disks,
    steps=(
        Step("load the module that holds and waits", load_module),
        Step("hold mmap_locks", hold_mmap_locks),
        Step("kill a task that waits for the mutex", kill),
        Step("hold up a grace period of RCU", hold_up_rcu),
        Step("hold everything", hold),
        Step("release everything", release),
    ),
    own_modules=(MODULE,),
)
