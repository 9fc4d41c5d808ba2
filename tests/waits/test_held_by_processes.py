"""Waits for another process on this machine's kernel: the named process is the very one."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ktrace.events import TaskWait
from ktrace.sources.live.source import LiveSource
from ktrace.waits.release import release_of
from tests import stuck_tasks
from tests.stuck_tasks import wait_until
from tests.waits.test_on_this_kernel import holders, lock_held, waits_of

pytestmark = pytest.mark.kernel

_PIDFD_GETFD = 438  # asm-generic/unistd.h


@contextmanager
def looking() -> Iterator[LiveSource]:
    live = LiveSource(stuck_after=0.1, all_waits=True)
    try:
        live.load_symbols()
        yield live
    finally:
        live.close()


@pytest.fixture
def source() -> Iterator[LiveSource]:
    with looking() as live:
        yield live


def at_once(source: LiveSource, tid: int) -> TaskWait:
    """What the thread waits for, if it sleeps in D or another one waits for it."""
    return waits_at_once(source, tid)[tid]


def waits_at_once(source: LiveSource, *tids: int) -> dict[int, TaskWait]:
    found: dict[int, TaskWait] = {}

    def known() -> bool:
        found.update({e.task.tid: e for e in source.finish() if isinstance(e, TaskWait)})
        return found.keys() >= set(tids)

    wait_until(f"waits of {tids}", known)
    return found


@contextmanager
def descriptor_of(pid: int, name: str) -> Iterator[int]:
    """A descriptor of another process, of this one too."""
    folder = Path(f"/proc/{pid}/fd")
    number = next(int(fd.name) for fd in folder.iterdir() if name in str(fd.readlink()))
    pidfd = os.pidfd_open(pid)
    own = ctypes.CDLL(None).syscall(_PIDFD_GETFD, pidfd, number, 0)
    assert own >= 0
    try:
        yield own
    finally:
        os.close(own)
        os.close(pidfd)


def test_the_handler_of_a_page_fault(source: LiveSource, tmp_path: Path) -> None:
    with (
        lock_held("pipe", tmp_path) as (holder, waiters),
        descriptor_of(holder, "userfaultfd"),
    ):
        found = waits_of(source, holder, *waiters)
        assert holders(found[waiters[0]]) == [holder]
        assert found[holder].wait == "userfaultfd"
        assert holders(found[holder]) == [os.getpid()]  # besides itself
        assert found[holder].detail.startswith("a page fault at 0x")
        assert release_of(found[holder]).command == f"kill -KILL {os.getpid()}"


def test_a_page_fault_that_only_the_process_itself_can_serve(
    source: LiveSource, tmp_path: Path
) -> None:
    with lock_held("pipe", tmp_path) as (holder, _):
        found = waits_of(source, holder)[holder]
        assert holders(found) == []
        assert found.detail.endswith(", which only its own process can serve")


@pytest.mark.parametrize(
    ("read", "said"), [(True, "which its listener has read"), (False, "which nobody has read")]
)
def test_the_listener_of_a_permission_event(
    source: LiveSource, tmp_path: Path, read: bool, said: str
) -> None:
    files = [tmp_path / name for name in ("first", "second")]
    for file in files:
        file.touch()
    with stuck_tasks.unanswered_fanotify_events(read, *files) as processes:
        found = waits_at_once(source, *(process.pid for process in processes))
        for process, file in zip(processes, files, strict=True):
            wait = found[process.pid]
            assert wait.wait == "fanotify"
            assert holders(wait) == [os.getpid()]
            assert wait.detail.startswith(f"the answer to an event of {file.name} of ")
            assert wait.detail.endswith(said)


def test_a_server_that_its_tracer_has_stopped(source: LiveSource) -> None:
    with stuck_tasks.unanswered_fuse_request() as asked:
        stuck_tasks.trace(asked.server)
        asked.process.kill()
        found = at_once(source, asked.server.pid)
        assert found.wait == "ptrace"
        assert found.detail == "its tracer, in a ptrace stop"
        assert holders(found) == [os.getpid()]


def test_a_server_that_is_stopped_on_its_way_out(source: LiveSource) -> None:
    """It still has the device open, so that nobody's request is aborted."""
    with (
        stuck_tasks.unanswered_fuse_request() as asked,
        stuck_tasks.stopped_at_exit(asked.server),
    ):
        asked.process.kill()
        found = at_once(source, asked.server.pid)
        assert found.wait == "ptrace"
        assert found.detail == "its tracer, in PTRACE_EVENT_EXIT, on its way out"
        assert holders(found) == [os.getpid()]


def test_the_other_end_of_a_socket(source: LiveSource) -> None:
    ours, its = socket.socketpair()
    with (
        ours,
        its,
        stuck_tasks.unanswered_fuse_request(
            read_from=its.fileno(), function="unix_stream_read_generic"
        ) as asked,
    ):
        its.close()
        asked.process.kill()
        found = at_once(source, asked.server.pid)
        assert found.wait == "unix-socket"
        assert holders(found) == [os.getpid()]


def test_a_server_that_a_signal_has_stopped(source: LiveSource) -> None:
    with stuck_tasks.unanswered_fuse_request() as asked:
        asked.server.send_signal(signal.SIGSTOP)
        stuck_tasks.wait_for_state(asked.server.pid, "T")
        asked.process.kill()
        found = at_once(source, asked.server.pid)
        assert found.wait == "job-control"
        assert found.detail == "SIGCONT, since SIGSTOP has stopped the process"
        assert release_of(found).command == f"kill -CONT {asked.server.pid}"


@pytest.mark.parametrize(
    ("version", "file", "said"),
    [(1, "freezer.state", "v1: no signal ends it"), (2, "cgroup.freeze", "v2: SIGKILL ends it")],
)
def test_a_server_in_a_frozen_cgroup(
    source: LiveSource, version: int, file: str, said: str
) -> None:
    with (
        stuck_tasks.unanswered_fuse_request() as asked,
        stuck_tasks.frozen_in_cgroup(asked.server, version) as frozen,
    ):
        asked.process.kill()
        found = at_once(source, asked.server.pid)
        assert found.wait == "freezer"
        assert said in found.detail
        assert found.target == str(frozen.cgroup.folder / file)
        assert release_of(found).command.endswith(f" > {found.target}")


def test_who_dumps_its_core_waits_for_the_other_thread(source: LiveSource) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        process, thread = frozen.thread_writer(leader_exits=False)
        process.send_signal(signal.SIGSEGV)
        stuck_tasks.wait_for_state(process.pid, "D")
        found = waits_of(source, process.pid, thread)
        assert found[process.pid].wait == "coredump"
        assert holders(found[process.pid]) == [thread]
        assert found[thread].wait == "frozen-file-system"


def test_direct_io_to_a_device_on_a_frozen_file_system() -> None:
    """In one bio, and in more than one, of which the stack holds none. Where something is mounted
    is known when it was before."""
    with stuck_tasks.file_system() as frozen, looking() as source:
        device = frozen.block_device()
        frozen.freeze()
        for how, wait in (("direct", "block-io"), ("direct-large", "direct-io")):
            writer = frozen.writer_to(how, device)
            stuck_tasks.wait_for_state(writer.pid, "D")
            found = at_once(source, writer.pid)
            assert found.wait == wait
            assert f"{device.name} on inode " in found.detail
            where, _, request = found.detail.partition(", in the driver for ")
            assert where.partition(", sector")[0].endswith(f"({frozen.folder}), frozen")
            assert request == f"less than 10 s, submitted by async_io[{writer.pid}]"
            assert release_of(found).command == f"fsfreeze -u {frozen.folder}"


def test_direct_io_to_a_file(source: LiveSource) -> None:
    """iomap counts its bios in a struct that is not on the stack either."""
    with stuck_tasks.file_system() as frozen:
        device = frozen.block_device()
        file = frozen.file_on(device)
        inode = file.stat().st_ino
        frozen.freeze()
        writer = frozen.writer_to("direct", file)
        stuck_tasks.wait_for_state(writer.pid, "D")
        found = at_once(source, writer.pid)
        assert found.wait == "direct-io"
        assert found.detail.startswith(f"inode {inode} of ext4 on {device.name}")
        said = f"in the driver for less than 10 s, submitted by async_io[{writer.pid}]"
        assert found.detail.endswith(f", frozen, {said}")
        assert {"request.bio", "block_bio_queue"} <= {*found.evidence}


def test_the_end_of_a_process_with_aio_requests(source: LiveSource) -> None:
    with stuck_tasks.file_system() as frozen:
        device = frozen.block_device()
        frozen.freeze()
        process = frozen.writer_to("aio", device)
        process.kill()
        stuck_tasks.wait_for_state(process.pid, "D", "exit_aio")
        found = at_once(source, process.pid)
        assert found.wait == "aio"
        assert found.detail.startswith("the requests of 1 of its aio contexts, ")


def test_the_end_of_a_process_with_io_uring_requests(source: LiveSource) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        process = frozen.writer_to("io_uring")
        worker = wait_until("a worker", lambda: stuck_tasks.threads(process.pid)[1:])[0]
        stuck_tasks.wait_for_state(worker, "D")
        process.kill()
        stuck_tasks.wait_for_state(process.pid, "D")
        found = waits_of(source, process.pid, worker)
        assert found[process.pid].wait == "io-uring"
        assert holders(found[process.pid]) == [worker]
        assert found[process.pid].holders[0].why.startswith("runs IORING_OP_WRITE on inode ")
        assert found[worker].wait == "frozen-file-system"


def test_a_network_device_that_is_still_used(source: LiveSource) -> None:
    with stuck_tasks.network_device_in_use() as (remover, name):
        found = at_once(source, remover.pid)
        assert found.wait == "network-device"
        assert found.detail.startswith(f"the last references to {name} of network namespace ")


def test_a_zombie_whose_parent_is_outside_of_the_pid_namespace(source: LiveSource) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        init, writer = frozen.pid_namespace()
        with stuck_tasks.entered(init) as (outside, inside):
            os.kill(init, signal.SIGKILL)
            stuck_tasks.wait_for_state(inside, "Z")
            found = waits_of(source, init, outside.pid)
            assert set(holders(found[init])) == {writer, outside.pid}
            (why,) = [h.why for h in found[init].holders if h.task.tid == outside.pid]
            assert why.startswith("has not reaped sleep[")
            assert why.endswith("is its parent, outside of the PID namespace")
            assert found[outside.pid].wait == "job-control"
