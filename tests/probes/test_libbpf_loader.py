"""The libbpf loader itself on the running kernel: attaching, walking, counting losses."""

from __future__ import annotations

import ctypes
import os
import re
import time
from pathlib import Path

import pytest

from ktrace import privileges
from ktrace.errors import CannotTrace
from ktrace.probes.catalog import hooked
from ktrace.probes.libbpf_loader import LibbpfLoader
from ktrace.probes.probed_knobs import probed_knobs
from tests import stuck_tasks
from tests.event_log import EventLog, event_log

pytestmark = pytest.mark.kernel

RING_SIZE = 1 << 20
NEEDED = ("task", "signal_generate", "sched_switch", "sched_process_exit")


def test_every_function_of_the_catalogue_has_a_probe(log: EventLog) -> None:
    assert log.probes.keys() == set(hooked(()))
    for probe in log.probes.values():
        assert probe.state in ("attached", "missing", "waiting")
        assert probe.hook if probe.state == "attached" else probe.why


def test_task_probes_attach_wherever_there_is_btf(log: EventLog) -> None:
    assert {log.probes[function].state for function in NEEDED} == {"attached"}


def test_nothing_is_lost_by_itself(log: EventLog) -> None:
    log.loader.read(0)
    assert log.loader.lost() == {}


def test_full_ring_is_counted_to_the_last_event(log: EventLog) -> None:
    """SIGKILL to a zombie does nothing, but it is generated."""
    with stuck_tasks.zombie() as process:
        log.loader.read(0)
        sent = RING_SIZE // 64
        for _ in range(sent):
            os.kill(process.pid, 9)
        lost = log.loader.lost()["fatal_signal"]
        log.events += log.loader.read(0)
        assert lost > 0
        assert len(log.of("FATAL_SIGNAL", process.pid)) + lost >= sent
        # Once the ring is read, it takes events again.
        log.events.clear()
        os.kill(process.pid, 9)
        log.await_event("FATAL_SIGNAL", process.pid)


def test_walk_sees_every_thread_of_a_killed_process(log: EventLog) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        found = [frozen.thread_writer(leader_exits=False) for _ in range(4)]
        for process, _ in found:
            stuck_tasks.kill(process.pid)
        walked = log.walk()
        for process, thread in found:
            assert walked[thread].task.pid == process.pid


def test_walk_of_more_tasks_than_one_read_takes(log: EventLog) -> None:
    """The kernel hands out eight pages at a time: about forty tasks."""
    with stuck_tasks.frozen_file_system() as frozen:
        writers = [frozen.writer().pid for _ in range(60)]
        walked = log.walk()
        assert set(writers) <= walked.keys()
        for pid in writers:
            assert walked[pid].task.tid == pid
            assert walked[pid].stack_len > 0


def test_walk_without_programs_is_incomplete() -> None:
    loader = LibbpfLoader({})
    assert loader.walk() == ([], False)
    loader.close()
    assert loader.walk() == ([], False)


def test_knobs_reach_the_programs() -> None:
    """With task_noload 0 the walk does not leave out idle kernel threads."""
    with event_log(task_noload=0) as unfiltered, event_log() as filtered:
        assert len(unfiltered.walk()) > len(filtered.walk())


def test_probed_knobs_follow_the_kernel() -> None:
    loader = LibbpfLoader({})
    knobs = probed_knobs(loader.btf)
    loader.close()
    major, minor = map(int, re.findall(r"\d+", os.uname().release)[:2])
    if (major, minor) >= (5, 18):
        assert knobs["sched_switch_has_prev_state"]
    if (major, minor) >= (6, 10):
        assert knobs["mark_victim_takes_task"]


def test_layouts_are_those_of_the_object(log: EventLog) -> None:
    """Each event's size member, set by the compiler, is the size of what Python decodes."""
    with stuck_tasks.sleeper() as process:
        process.kill()
        log.await_event("TASK_DEAD", process.pid)
    for _, event in log.events:
        assert event.event.size == ctypes.sizeof(event)


def test_times_are_of_clock_boottime(log: EventLog) -> None:
    with stuck_tasks.sleeper() as process:
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        process.kill()
        sent = log.await_event("FATAL_SIGNAL", process.pid)
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert before <= sent.event.t <= after


def test_close_takes_everything_out() -> None:
    """No file descriptor of a map, program or link stays."""
    with event_log():
        pass
    before = _bpf_descriptors()
    with event_log():
        assert _bpf_descriptors() > before
    assert _bpf_descriptors() == before


def test_ordinary_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "effective", frozenset)
    with pytest.raises(CannotTrace, match="root") as raised:
        LibbpfLoader({})
    assert "sudo" in raised.value.hint


def _bpf_descriptors() -> int:
    names = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("bpf" in name for name in names)
