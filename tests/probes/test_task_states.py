"""What the probes of bpf/tasks.bpf.c see of real tasks, state by state."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from ktrace.events import TaskState
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.page_flags import PageFlags
from ktrace.kernel.page_struct import PageStruct
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import TaskStates
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder
from tests import stuck_tasks
from tests.event_log import EventLog, comm, event_log, stack

pytestmark = pytest.mark.kernel

# include/linux/sched.h; ktrace.kernel.task_state has those that moved
TASK_UNINTERRUPTIBLE = 2
TASK_WAKEKILL = 0x100
TASK_NOLOAD = 0x400
EXIT_ZOMBIE = 0x20

# enum kill_mark of bpf/events.h
KILL_PENDING, KILL_SHARED, KILL_GROUP = 1, 2, 4

FROM_SWITCH = 1


def name_of(states: TaskStates, found: Any) -> str:
    return states.name(found.state, found.exit_state, found.flags)


def functions(symbols: Symbols, found: Any) -> list[str]:
    return [symbols.name(address).partition("+")[0] for address in stack(found)]


def assert_stuck(states: TaskStates, found: Any) -> None:
    """Asleep uninterruptibly, although its group is exiting by SIGKILL."""
    assert name_of(states, found) == "uninterruptible"
    assert found.state & TASK_UNINTERRUPTIBLE
    assert not found.state & (TASK_WAKEKILL | TASK_NOLOAD)
    assert found.killed & KILL_GROUP
    assert found.killed & KILL_PENDING
    assert found.group_exit_code == signal.SIGKILL
    assert not found.exit_state
    assert not found.on_cpu


def test_sleeper_on_frozen_file_system_is_seen_before_and_after_it_is_killed(
    log: EventLog, states: TaskStates, symbols: Symbols
) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writer = frozen.writer()
        before = log.walk()[writer.pid]
        assert before.killed == 0
        assert name_of(states, before) == "uninterruptible"

        stuck_tasks.kill(writer.pid)
        after = log.walk()[writer.pid]
        assert_stuck(states, after)
        assert (after.task.pid, after.task.tid) == (writer.pid, writer.pid)
        assert comm(after.task) == "stuck_write"
        assert after.ppid == os.getpid()
        assert after.start_t == before.start_t
        assert after.switches == before.switches
        assert after.oom_victim == 0
        # It fell asleep before it was killed: nobody saw that.
        assert after.asleep_t == 0
        if len(symbols):
            assert "vfs_write" in functions(symbols, after)
            assert functions(symbols, after) == stuck_tasks.kernel_stack(writer.pid)

        frozen.thaw()
        assert writer.wait(stuck_tasks.PATIENCE_S) == -signal.SIGKILL
        assert log.await_event("TASK_DEAD", writer.pid).exit_code == signal.SIGKILL
        assert log.await_event("TASK_EXIT", writer.pid).exit_code == signal.SIGKILL
        assert writer.pid not in log.walk()


def test_sigkill_has_sender_and_target(log: EventLog) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        sent = log.await_event("FATAL_SIGNAL", writer.pid)
    assert (sent.by.pid, sent.by.tid) == (os.getpid(), os.getpid())
    assert (sent.target.pid, comm(sent.target)) == (writer.pid, "stuck_write")
    assert sent.signal == signal.SIGKILL
    assert sent.group == 1
    assert sent.si_code == 0  # SI_USER


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_only_the_signal_that_ends_the_process_is_reported(log: EventLog, number: int) -> None:
    with stuck_tasks.sleeper() as process:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGWINCH)
        process.send_signal(number)
        assert log.await_event("TASK_DEAD", process.pid).exit_code == number
    assert [event.signal for event in log.of("FATAL_SIGNAL", process.pid)] == [number]


def test_sleeper_that_another_signal_should_end(log: EventLog, states: TaskStates) -> None:
    """To each thread of a process that is to die of a signal the kernel sends SIGKILL silently
    (complete_signal(), kernel/signal.c): it is killed as if by SIGKILL."""
    with stuck_tasks.frozen_file_system() as frozen:
        writer = frozen.writer()
        writer.terminate()
        stuck_tasks.wait_until("it is killed", lambda: stuck_tasks.has_sigkill(writer.pid))
        found = log.walk()[writer.pid]
        assert name_of(states, found) == "uninterruptible"
        assert found.killed & KILL_GROUP
        assert found.group_exit_code == signal.SIGTERM
        frozen.thaw()
        assert log.await_event("TASK_DEAD", writer.pid).exit_code == signal.SIGTERM


def test_thread_stuck_behind_a_zombie_leader(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        process, thread = frozen.thread_writer(leader_exits=True)
        assert process.pid not in log.walk(), "a zombie that nobody killed is of no interest"

        stuck_tasks.kill(process.pid)
        found = log.walk()
        assert_stuck(states, found[thread])
        assert found[thread].task.pid == process.pid
        assert name_of(states, found[process.pid]) == "zombie"
        assert found[process.pid].exit_state == EXIT_ZOMBIE

        # signal_generate tells of the leader only.
        log.await_event("FATAL_SIGNAL", process.pid)
        assert not log.of("FATAL_SIGNAL", thread)
        frozen.thaw()
        assert log.await_event("TASK_DEAD", thread).exit_code == signal.SIGKILL


def test_thread_stuck_while_its_leader_dies_of_the_kill(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        process, thread = frozen.thread_writer(leader_exits=False)
        stuck_tasks.kill(process.pid)
        log.await_event("TASK_DEAD", process.pid)
        stuck_tasks.wait_for_state(process.pid, "Z")
        found = log.walk()
        assert_stuck(states, found[thread])
        assert name_of(states, found[process.pid]) == "zombie"
        assert not found[process.pid].killed & KILL_PENDING
        assert not log.of("TASK_DEAD", thread)


def test_waiter_behind_a_stuck_one(log: EventLog, states: TaskStates, symbols: Symbols) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        first, second = frozen.queue()
        for process in (first, second):
            stuck_tasks.kill(process.pid)
        found = log.walk()
        for process in (first, second):
            assert_stuck(states, found[process.pid])
        if len(symbols):
            # mutex_lock() is in .sched.text, which the kernel leaves out of such stacks
            assert functions(symbols, found[second.pid]) == stuck_tasks.kernel_stack(second.pid)


def test_stuck_before_the_tracer_came(states: TaskStates) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        with event_log() as late:
            assert_stuck(states, late.walk()[writer.pid])
            frozen.thaw()
            assert late.await_event("TASK_DEAD", writer.pid).exit_code == signal.SIGKILL
            assert not late.of("FATAL_SIGNAL", writer.pid)


def test_thread_that_falls_asleep_after_the_kill(
    log: EventLog, states: TaskStates, symbols: Symbols
) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        process = frozen.spinner()
        stuck_tasks.kill(process.pid)
        running = log.walk()[process.pid]
        assert name_of(states, running) == "running"
        assert running.killed & KILL_GROUP

        # ext4_page_mkwrite(): the file's page must become writable, which waits for the thaw
        stuck_tasks.wait_for_state(process.pid, "D", "do_page_mkwrite")
        sent = log.await_event("FATAL_SIGNAL", process.pid)
        asleep = log.walk()[process.pid]
        assert_stuck(states, asleep)
        assert sent.event.t < asleep.asleep_t < asleep.event.t
        assert asleep.asleep_t > running.event.t


def test_killable_sleeper_dies_when_it_is_killed(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.killable_sleeper() as process:
        found = log.walk()[process.pid]
        assert found.state & (TASK_UNINTERRUPTIBLE | TASK_WAKEKILL) == 0x102
        assert name_of(states, found) == "killable"
        assert found.killed == 0

        process.kill()
        assert process.wait(stuck_tasks.PATIENCE_S) == -signal.SIGKILL
        assert log.await_event("TASK_DEAD", process.pid).exit_code == signal.SIGKILL
        assert process.pid not in log.walk()


def test_killed_in_a_frozen_cgroup_of_version_1(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.frozen_by_cgroup(version=1) as task:
        pid = task.process.pid
        assert pid not in log.walk(), "frozen, but nobody killed it"
        stuck_tasks.kill(pid)
        found = log.walk()[pid]
        assert name_of(states, found) == "frozen"
        assert found.killed & (KILL_PENDING | KILL_GROUP) == KILL_PENDING | KILL_GROUP
        assert not log.of("TASK_DEAD", pid)

        task.thaw()
        assert log.await_event("TASK_DEAD", pid).exit_code == signal.SIGKILL


def test_killed_in_a_frozen_cgroup_of_version_2(log: EventLog) -> None:
    with stuck_tasks.frozen_by_cgroup(version=2) as task:
        task.process.kill()
        assert log.await_event("TASK_DEAD", task.process.pid).exit_code == signal.SIGKILL


@pytest.mark.parametrize("state", [stuck_tasks.stopped, stuck_tasks.traced])
def test_stopped_and_traced_die_when_they_are_killed(log: EventLog, state: Any) -> None:
    with state() as process:
        assert process.pid not in log.walk()
        process.kill()
        assert log.await_event("TASK_DEAD", process.pid).exit_code == signal.SIGKILL


def test_zombies(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.zombie(killed=True) as killed, stuck_tasks.zombie(killed=False) as ended:
        found = log.walk()
        assert name_of(states, found[killed.pid]) == "zombie"
        assert found[killed.pid].killed == KILL_SHARED | KILL_GROUP
        assert found[killed.pid].stack_len == 0
        assert ended.pid not in found


def test_loop_in_the_kernel_runs_on(log: EventLog, states: TaskStates) -> None:
    with stuck_tasks.spinning_in_kernel() as process:
        stuck_tasks.kill(process.pid)
        found = log.walk()[process.pid]
        assert found.state == 0
        assert name_of(states, found) == "running"
        assert found.killed & (KILL_PENDING | KILL_GROUP) == KILL_PENDING | KILL_GROUP


def test_preempted_loop_is_reported_without_the_tracers_frames(
    states: TaskStates, symbols: Symbols
) -> None:
    # Whether it still runs when the rival comes is luck on a busy machine: more and more to do.
    for gibibytes in (4 << 10, 8 << 10, 16 << 10, 32 << 10):
        reports, sent = _preempted(gibibytes)
        if reports:
            break
    else:
        pytest.skip("this kernel does not preempt a long system call")
    pages = PageDecoder(PageFlags("", {}, (), 0, 0), PageStruct({}), "", "")
    decoder = Decoder(states, GfpFlags(()), None, pages)
    decoder.use_symbols(symbols)
    for found in reports:
        assert found.source == FROM_SWITCH
        assert found.state == 0
        assert found.event.t - sent.event.t >= _STUCK_AFTER_NS
        decoded = decoder.decode(("TASK_STATE", found))
        assert isinstance(decoded, TaskState)
        assert decoded.state in ("running", "exiting")
        assert not [frame for frame in decoded.stack if "bpf" in frame]


_STUCK_AFTER_NS = 10**8


def _preempted(gibibytes: int) -> tuple[list[Any], Any]:
    """Looks at a killed loop beside a rival, and the signal. None when it had ended by itself: on
    a busy machine this process may run again only after the loop."""
    with (
        event_log(stuck_after_ns=_STUCK_AFTER_NS) as log,
        stuck_tasks.spinning_in_kernel(gibibytes) as process,
        _rival(process.pid),
    ):
        stuck_tasks.kill(process.pid)
        if process.wait(stuck_tasks.PATIENCE_S) != -signal.SIGKILL:
            return [], None
        log.await_event("TASK_DEAD", process.pid)
        sent = log.await_event("FATAL_SIGNAL", process.pid)
        return log.of("TASK_STATE", process.pid), sent


def test_idle_kernel_threads_are_not_stuck(log: EventLog, states: TaskStates) -> None:
    assert not [s for s in log.walk().values() if name_of(states, s) == "idle"]
    with event_log(task_noload=0) as unfiltered:
        workers = [s for s in unfiltered.walk().values() if comm(s.task).startswith("kworker/")]
    assert workers
    assert "idle" in {name_of(states, worker) for worker in workers}
    assert TASK_UNINTERRUPTIBLE | TASK_NOLOAD in {worker.state for worker in workers}


class _rival:
    """A process that wants the same CPU, so that the scheduler has to choose."""

    def __init__(self, pid: int) -> None:
        self._cpu = min(os.sched_getaffinity(pid))
        os.sched_setaffinity(pid, {self._cpu})

    def __enter__(self) -> None:
        command = ["timeout", "600", "sh", "-c", "while :; do :; done"]
        self._process = subprocess.Popen(command)
        os.sched_setaffinity(self._process.pid, {self._cpu})

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # timeout hands it on
        self._process.wait(stuck_tasks.PATIENCE_S)
