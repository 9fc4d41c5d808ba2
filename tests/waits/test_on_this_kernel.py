"""Waits of real tasks on this machine's kernel: the named holder is the very thread that holds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ktrace.events import TaskState, TaskWait
from ktrace.kernel.btf import Btf
from ktrace.kernel.layout import Layout
from ktrace.sources.live.source import LiveSource
from tests import stuck_tasks
from tests.stuck_tasks import program, wait_until

pytestmark = pytest.mark.kernel


@contextmanager
def lock_held(kind: str, file: Path, waiters: int = 2) -> Iterator[tuple[int, list[int]]]:
    """pids: of the holder, and of those that wait for it, which are killed then."""
    with program("hold_lock", kind, file, waiters) as process:
        assert process.stdout
        said, holder, *pids = process.stdout.readline().split()
        assert said == b"ready"
        waiting = [int(pid) for pid in pids]
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
        yield int(holder), waiting


@pytest.fixture
def source() -> Iterator[LiveSource]:
    live = LiveSource(stuck_after=0.1)
    live.load_symbols()
    yield live
    live.close()


def waits_of(source: LiveSource, *tids: int) -> dict[int, TaskWait]:
    """What these threads wait for, as soon as it is known of all."""
    found: dict[int, TaskWait] = {}

    def known() -> bool:
        for event in source.read(0.1):
            if isinstance(event, TaskWait):
                found[event.task.tid] = event
        return found.keys() >= set(tids)

    wait_until(f"waits of {tids}", known)
    return found


def holders(wait: TaskWait) -> list[int]:
    return [holder.task.tid for holder in wait.holders]


@pytest.mark.parametrize(
    ("kind", "wait", "detail"),
    [
        ("pipe", "mutex", "mutex of a pipe"),
        ("position", "mutex", "f_pos_lock of an open file"),
        ("inode", "rwsem", "i_rwsem of inode "),
    ],
)
def test_the_holder_of_a_lock(
    source: LiveSource, tmp_path: Path, kind: str, wait: str, detail: str
) -> None:
    file = tmp_path / "file"
    file.touch()
    with lock_held(kind, file) as (holder, waiters):
        found = waits_of(source, *waiters)
        for tid in waiters:
            assert found[tid].wait == wait
            assert found[tid].detail.startswith(detail)
            assert holders(found[tid]) == [holder]
            assert found[tid].waiters == len(waiters)
        if kind == "inode":
            assert f"inode {file.stat().st_ino} of " in found[waiters[0]].detail


def test_the_holder_is_shown_though_it_is_neither_killed_nor_uninterruptible(
    source: LiveSource, tmp_path: Path
) -> None:
    with lock_held("pipe", tmp_path) as (holder, _):
        events = []

        def shown() -> bool:
            events.extend(source.read(0.1))
            return any(isinstance(e, TaskState) and e.task.tid == holder for e in events)

        wait_until("the holder is shown", shown)
        state = next(e for e in events if isinstance(e, TaskState) and e.task.tid == holder)
        assert state.killed == ()
        assert any(frame.startswith("handle_userfault+") for frame in state.stack)


def counts_freezers() -> bool:
    """6.12 does, 6.1 does not."""
    count = "super_block.s_writers.freeze_ucount"
    btf = Btf.of_kernel()
    try:
        return Layout.of(btf, (count,)).has(count)
    finally:
        btf.close()


def test_a_frozen_file_system_and_who_waits_behind_its_writer(source: LiveSource) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writer, waiter = frozen.queue()
        for process in (writer, waiter):
            process.send_signal(signal.SIGKILL)
        found = waits_of(source, writer.pid, waiter.pid)
        assert found[writer.pid].wait == "frozen-file-system"
        assert found[writer.pid].target in (str(frozen.folder), "")
        assert found[writer.pid].detail.startswith("ext4 on loop")
        assert found[writer.pid].detail.endswith(", frozen by user space") == counts_freezers()
        assert found[waiter.pid].wait == "mutex"
        assert holders(found[waiter.pid]) == [writer.pid]


def test_a_commit_of_a_journal_on_a_frozen_file_system(source: LiveSource) -> None:
    with stuck_tasks.stuck_commit() as process:
        process.send_signal(signal.SIGKILL)
        known = waits_of(source, process.pid)
        found = known[process.pid]
        assert found.wait == "jbd2"
        assert found.detail.startswith("a commit, of the journal on loop")
        (thread,) = found.holders
        assert thread.why == "commits the transaction"
        assert stuck_tasks.status(thread.task.tid)["Name"].startswith("jbd2/loop")
        tid = thread.task.tid
        of_thread = known.get(tid) or waits_of(source, tid)[tid]
        assert of_thread.wait == "buffer"
        (worker,) = of_thread.holders
        assert worker.why == "does the I/O of the loop device"
        tid = worker.task.tid
        of_worker = known.get(tid) or waits_of(source, tid)[tid]
        assert of_worker.wait == "frozen-file-system"


def test_a_parent_in_vfork(source: LiveSource) -> None:
    """A killable wait ends by SIGKILL: another task that is stuck makes ktrace look."""
    with (
        stuck_tasks.killable_sleeper() as parent,
        stuck_tasks.frozen_file_system() as frozen,
    ):
        writer, _ = frozen.queue()
        writer.send_signal(signal.SIGKILL)
        found = waits_of(source, parent.pid)
        (child,) = stuck_tasks.children(parent.pid)
        assert found[parent.pid].wait == "vfork"
        assert holders(found[parent.pid]) == [child]


def test_the_init_of_a_pid_namespace_waits_for_its_members(source: LiveSource) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        init, writer = frozen.pid_namespace()
        os.kill(init, signal.SIGKILL)
        found = waits_of(source, init, writer)
        assert found[init].wait == "pid-namespace"
        assert holders(found[init]) == [writer]
        assert found[init].holders[0].why == "is alive in the PID namespace"
        assert found[writer].wait == "frozen-file-system"


def test_a_fuse_request_that_its_server_does_not_answer(source: LiveSource) -> None:
    with stuck_tasks.unanswered_fuse_request() as asked:
        asked.process.send_signal(signal.SIGKILL)
        found = waits_of(source, asked.process.pid, asked.server.pid)
        request = found[asked.process.pid]
        assert request.wait == "fuse"
        assert request.target == str(asked.connection)
        assert request.detail == f"connection {asked.connection}"
        assert holders(request) == [asked.server.pid]
        # and the server waits for this process, at whose pipe it reads
        assert found[asked.server.pid].wait == "pipe"
        assert holders(found[asked.server.pid]) == [os.getpid()]
