"""OOM kills of the test's own processes, in a memory cgroup of 20 MiB."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.event_log import EventLog, comm

pytestmark = pytest.mark.kernel

LIMIT = 20 << 20
MEBIBYTES = 64
SI_KERNEL = 128
PAGE = os.sysconf("SC_PAGE_SIZE")

# enum reap_step of bpf/events.h
REAP_WAKE, REAP_START, REAP_FINISH = 0, 1, 2


def start(process: stuck_tasks.Process) -> None:
    """Let eat_memory go on."""
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_oom_kill_from_signal_to_death(log: EventLog) -> None:
    with (
        stuck_tasks.memory_cgroup(LIMIT) as cgroup,
        stuck_tasks.program("eat_memory", MEBIBYTES) as process,
    ):
        cgroup.add(process.pid)
        start(process)
        log.await_event("TASK_DEAD", process.pid)

    # __oom_kill_process() sends SIGKILL before it grants the memory reserves. The OOM reaper comes
    # by where the victim is not dead two seconds later.
    steps = [kind for kind, _ in log.about({process.pid}) if kind != "OOM_REAP"]
    assert steps == ["FATAL_SIGNAL", "OOM_VICTIM", "TASK_EXIT", "TASK_DEAD"]
    sent = log.of("FATAL_SIGNAL", process.pid)[0]
    assert sent.si_code == SI_KERNEL
    assert sent.group == 1
    assert sent.by.tid == process.pid, "it asked for the memory itself"
    victim = log.of("OOM_VICTIM", process.pid)[0]
    assert (victim.by.tid, comm(victim.by)) == (process.pid, "eat_memory")
    assert log.of("TASK_DEAD", process.pid)[0].exit_code == signal.SIGKILL


def test_victim_that_cannot_die_is_reaped(log: EventLog) -> None:
    """One of its threads is stuck, so its memory would stay: the OOM reaper takes it (at once, or
    after two seconds since v5.18, e4a38402c36e "oom_kill.c: futex: delay the OOM reaper")."""
    with stuck_tasks.memory_cgroup(LIMIT) as cgroup, stuck_tasks.frozen_file_system() as frozen:
        process, thread = frozen.eater(MEBIBYTES)
        cgroup.add(process.pid)
        start(process)
        stuck_tasks.wait_until("the victim is reaped", lambda: _reaped(log, process.pid))
        steps = [event.step for event in log.of("OOM_REAP", process.pid)]
        assert steps == [REAP_WAKE, REAP_START, REAP_FINISH]
        woken, started, finished = (event.rss for event in log.of("OOM_REAP", process.pid))
        assert woken == started >= LIMIT // 2 // PAGE
        # what a percpu counter's batches hide is small (mm/percpu_counter.c)
        assert finished < started // 4

        stuck = log.walk()[thread]
        assert stuck.oom_victim == 1
        assert stuck.group_exit_code == signal.SIGKILL
        assert "RssAnon:\t       0 kB" in Path(f"/proc/{thread}/status").read_text()
        assert not log.of("TASK_DEAD", thread)

        frozen.thaw()
        assert log.await_event("TASK_DEAD", thread).exit_code == signal.SIGKILL
        kinds = [kind for kind, _ in log.about({process.pid, thread})]
        assert kinds.index("OOM_VICTIM") < kinds.index("OOM_REAP")


def _reaped(log: EventLog, pid: int) -> bool:
    log.events += log.loader.read(0.05)
    return any(event.step == REAP_FINISH for event in log.of("OOM_REAP", pid))


def test_who_sets_oom_score_adj(log: EventLog) -> None:
    with stuck_tasks.sleeper() as process:
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("321")
        adjusted = log.await_event("OOM_ADJUST", process.pid)
        assert adjusted.oom_score_adj == 321
        assert adjusted.by.pid == os.getpid()


def test_counts_are_read_from_the_kernel(log: EventLog) -> None:
    """At rest there may be none; what there is has its domain and adds up."""
    for counts in log.loader.oom_counts({}):
        assert counts.domain.calls > 0
        assert sum(counts.domain.results) <= counts.domain.calls
    seen = {(c.cgroup, c.call): 1 << 62 for c in log.loader.oom_counts({})}
    assert log.loader.oom_counts(seen) == []
