"""Tracing with BTF from a file: raw tracepoints, and a walk without iterator."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ktrace.board.make import make
from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX
from ktrace.probes.libbpf_loader import LibbpfLoader
from ktrace.probes.wire import wire
from tests import stuck_tasks
from tests.event_log import event_log

pytestmark = pytest.mark.kernel

NEEDED = ("signal_generate", "sched_switch", "sched_process_exit", "sched_process_hang")


@pytest.fixture(params=["whole", "cut"])
def from_file(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """The file that KTRACE_BTF names: this kernel's own types, or what ktrace reads of them."""
    path = tmp_path / "board.btf"
    whole = request.param == "whole"
    path.write_bytes(Path(VMLINUX).read_bytes() if whole else make(VMLINUX, ()).data)
    monkeypatch.setenv("KTRACE_BTF", str(path))
    return path


def test_hooks_need_no_btf_of_the_kernel(from_file: Path) -> None:
    with event_log() as log:
        assert {log.probes[function].hook for function in NEEDED} == {"raw_tp"}
        assert log.probes["task"].hook == "walk"


def test_walk_reads_what_the_iterator_reads(from_file: Path) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writers = [frozen.writer().pid for _ in range(60)]
        _, thread = frozen.thread_writer(leader_exits=False)
        with event_log() as by_run, pytest.MonkeyPatch.context() as patch:
            patch.delenv("KTRACE_BTF")
            with event_log() as by_iterator:
                walked, expected = by_run.walk(), by_iterator.walk()
    assert {*writers, thread} <= walked.keys()
    for tid in (*writers, thread):
        assert _facts(walked[tid]) == _facts(expected[tid])
        assert walked[tid].frames[0].startswith("percpu_rwsem_wait+")


def test_walk_keeps_events_of_the_probes(from_file: Path) -> None:
    with event_log() as log, stuck_tasks.frozen_file_system() as frozen:
        process = frozen.writer()
        stuck_tasks.kill(process.pid)
        looks, whole = log.loader.walk()
        assert whole
        assert process.pid in {look.task.tid for _, look in looks}
        assert log.await_event("FATAL_SIGNAL", process.pid)


def test_tasks_beyond_the_walks_bound_are_looked_at_through_proc(from_file: Path) -> None:
    """It begins with this process, whose threads are more than it visits."""
    with event_log() as log, stuck_tasks.frozen_file_system() as frozen, many_threads(1200):
        killed = frozen.writer()
        stuck_tasks.kill(killed.pid)
        look = log.walk()[killed.pid]
        assert look.source == wire().enums["state_source"]["FROM_SAMPLED"]
        assert look.frames[0].startswith("percpu_rwsem_wait+")


@contextmanager
def many_threads(count: int) -> Iterator[None]:
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_file_of_another_kernel_is_refused(from_file: Path) -> None:
    """A member at another offset loads as well, and would make every answer wrong."""
    from_file.write_bytes(_with_member_moved(from_file.read_bytes(), b"start_boottime"))
    loader = LibbpfLoader({})
    try:
        with pytest.raises(CannotTrace, match="is not that of the running kernel"):
            loader.attach()
    finally:
        loader.close()


def test_file_without_tracepoints_is_refused(from_file: Path) -> None:
    from_file.write_bytes(Path(VMLINUX).read_bytes()[:100])
    with pytest.raises(CannotTrace):
        LibbpfLoader({})


def _facts(state: Any) -> tuple[Any, ...]:
    names = ("address", "ppid", "start_t", "switches", "state", "flags", "killed", "cgroup")
    task = state.task
    return (task.pid, task.tid, bytes(task.comm), *(_plain(getattr(state, n)) for n in names))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else bytes(value)


def _with_member_moved(btf: bytes, name: bytes) -> bytes:
    """struct btf_header and struct btf_member of include/uapi/linux/btf.h."""
    header, types, types_len, strings = struct.unpack_from("<4xIIII", btf)
    base = header + strings
    key = struct.pack("<I", btf.index(b"\0" + name + b"\0", base) + 1 - base)
    changed = bytearray(btf)
    at = btf.find(key, header + types, header + types + types_len)
    while at >= 0:
        if at % 4 == 0:
            (offset,) = struct.unpack_from("<I", btf, at + 8)
            struct.pack_into("<I", changed, at + 8, offset + 256)
        at = btf.find(key, at + 4, header + types + types_len)
    return bytes(changed)
