"""Samples of tasks that run on this machine."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ktrace.kernel.symbols import Symbols
from tests.event_log import EventLog
from tests.stuck_tasks import PATIENCE_S, file_system, state, wait_for_state, wait_until

pytestmark = pytest.mark.kernel

IN_KERNEL = ("dd", "if=/dev/zero", "of=/dev/null", "bs=4M")
IN_USER = ("sh", "-c", "while :; do :; done")


@contextmanager
def running(command: tuple[str, ...]) -> Iterator[int]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def samples(log: EventLog, tid: int, least: int) -> list[Any]:
    """Structs task_runs."""

    def read() -> list[Any]:
        log.events += log.loader.read(0.1)
        return log.of("TASK_RUNS", tid)

    return wait_until(f"samples of {tid}", lambda: found if len(found := read()) >= least else [])


def test_where_a_task_runs(log: EventLog, symbols: Symbols) -> None:
    with running(IN_KERNEL) as copier, running(IN_USER) as looper:
        log.loader.sample([copier, looper])
        taken = samples(log, copier, 3)
        words = {word for sample in taken for word in sample.stack[: sample.stack_len]}
        assert "read_zero" in {symbols.function(word) for word in words}
        assert {sample.cpu for sample in taken} <= set(range(os.cpu_count() or 1))
        assert 0 in {sample.stack_len for sample in samples(log, looper, 3)}


def test_who_is_not_chosen_any_more_is_not_sampled(log: EventLog) -> None:
    with running(IN_KERNEL) as copier:
        log.loader.sample([copier])
        samples(log, copier, 1)
        log.loader.sample([])
        log.loader.read(0)
        assert all(kind != "TASK_RUNS" for _ in range(3) for kind, _ in log.loader.read(0.1))


def test_a_task_that_executes_a_program_for_ever_does_not_hold_up_the_others(
    log: EventLog,
) -> None:
    """It holds its exec_update_lock, which perf_event_open() takes."""
    with file_system() as frozen, running(IN_KERNEL) as copier:
        device = frozen.block_device()
        frozen.freeze()
        executes = frozen.writer_to("aio-exec", device).pid
        wait_for_state(executes, "D")  # its stack waits for the lock, too
        with ended_after(PATIENCE_S, frozen.thaw):
            log.loader.sample([executes, copier])
            assert state(executes) == "D"
        samples(log, copier, 1)
        assert state(executes) == "D"


@contextmanager
def ended_after(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """What would wait for ever fails the test instead."""
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def test_a_task_that_is_gone_is_no_error(log: EventLog) -> None:
    with running(IN_KERNEL) as copier:
        pass
    log.loader.sample([copier])
