"""Killed tasks behind a mutex whose holder, which nobody killed, waits for a stalled disk.

One write() to a FIFO takes its bytes from a mapped page of a file that is not in memory: the page
fault happens inside of pipe_write(), with the mutex of the pipe held. The page lies in a block of
squashfs that a third task is reading from the stalled disk. Whoever writes to the FIFO then sleeps
in mutex_lock(), which SIGKILL does not wake: waiter -> holder of the mutex -> reader of the block
-> disk.
"""

from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import stalled_disk, workload

FIFO = "/run/fifo"
WAITERS = "waiters"
HOLDER = "holder"
FILLER = "filler"
WAITER_COUNT = 3
HOLD_S = 3.0
IN_WRITE = "pipe_write"  # anon_pipe_write, fifo_pipe_write: newer kernels


def start_workload(stage: Stage) -> None:
    """Start every task and wait until it has all that it needs before the disk stalls."""
    workload.prepare(stage)
    stage.guest.check(f"mkfifo {FIFO}")
    stage.pids[FILLER] = [_start(stage, "filler", "/workload/b0")]
    stage.pids[HOLDER] = [_start(stage, "holder", "/workload/b1", FIFO)]
    stage.pids[WAITERS] = [_start(stage, "waiter", FIFO) for _ in range(WAITER_COUNT)]
    stalled_disk.start_direct(stage)
    workload.wait_ready(stage)


def read_the_block(stage: Stage) -> None:
    """The end of the chain: a read of a disk that does not answer."""
    workload.go(stage, FILLER)
    workload.wait_in(stage, FILLER, stalled_disk.READS_IN)


def hold_the_mutex(stage: Stage) -> None:
    """A page fault on what is being read, inside of pipe_write()."""
    workload.go(stage, HOLDER)
    workload.wait_in(stage, HOLDER, stalled_disk.CACHE_GET)
    workload.wait_in(stage, HOLDER, IN_WRITE)


def kill_waiters(stage: Stage) -> None:
    """Writers that wait for the mutex; SIGKILL to each of them, and to nobody else."""
    workload.go(stage, WAITERS)
    workload.wait_in(stage, WAITERS, IN_WRITE)
    workload.kill(stage, WAITERS)


def hold(stage: Stage) -> None:
    """Nothing happens until ktrace has seen every waiter stuck, and what the end waits for."""
    stage.give_time(HOLD_S, _is_seen)
    workload.check_stuck(stage, WAITERS)


def _is_seen(trace: bytes) -> bool:
    return trace.count(b'"status":"open"') >= WAITER_COUNT and b'"wait":"block-io"' in trace


def _start(stage: Stage, role: str, *arguments: str) -> int:
    return workload.start(stage, stalled_disk.PROGRAM, role, *arguments)


LOCK_CHAIN = Scenario(
    name="lock-chain",
    summary="killed tasks behind a mutex, whose holder waits for a disk that is stalled",
    command=ktrace_command("oom-hang"),
    modules=("squashfs",),
    disks=stalled_disk.disks,
    steps=(
        Step("load squashfs and mount the workload", stalled_disk.mount),
        Step("start the workload", start_workload),
        Step("stall the disk", stalled_disk.stall),
        Step("let a task read a block from it", read_the_block),
        Step("let a task that holds a mutex wait for that block", hold_the_mutex),
        Step("kill tasks that wait for the mutex", kill_waiters),
        Step("hold the stall", hold),
        Step("resume the disk", stalled_disk.resume),
    ),
)
