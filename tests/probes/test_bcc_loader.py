"""The bcc loader on the running kernel, with headers made from its BTF."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrace.errors import CannotTrace
from ktrace.events import TaskState
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import SINCE_4_14, TaskStates
from ktrace.probes import bcc_build, bcc_loader
from ktrace.probes.bcc_headers import Headers, find_headers
from ktrace.probes.bcc_loader import BccLoader
from ktrace.probes.catalog import hooked
from ktrace.probes.proc_looks import agrees, own_facts
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder
from tests import stuck_tasks
from tests.event_log import KNOBS, EventLog
from tests.tracer import ktrace, tracer, undisturbed

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def log() -> Iterator[EventLog]:
    """One loader for all tests here: compiling takes half a second."""
    loader = BccLoader(KNOBS)
    try:
        yield EventLog(loader, loader.attach())
    finally:
        loader.close()


def test_every_function_of_the_catalogue_has_a_probe(log: EventLog) -> None:
    """Page checks are no probe: whether the kernel makes them is asked elsewhere."""
    assert log.probes.keys() == set(hooked(()))
    for probe in log.probes.values():
        assert probe.state in ("attached", "missing", "waiting")
        assert probe.hook if probe.state == "attached" else probe.why
    needed = ["task", "signal_generate", "sched_switch", "sched_process_exit", "mark_victim"]
    needed += ["reclaim_retry_zone", "compact_retry", "oom_score_adj_update"]
    assert {log.probes[function].state for function in needed} == {"attached"}


def test_who_sets_oom_score_adj(log: EventLog) -> None:
    with stuck_tasks.sleeper() as process:
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("321")
        adjusted = log.await_event("OOM_ADJUST", process.pid)
        assert adjusted.oom_score_adj == 321
        assert adjusted.by.pid == os.getpid()


def test_a_real_stuck_task_is_found_and_its_end_seen() -> None:
    with stuck_tasks.frozen_file_system() as frozen, tracer("--loader", "bcc") as running:
        assert running.records[0]["loader"] == "bcc"
        pid = frozen.writer().pid
        before = time.monotonic()
        stuck_tasks.kill(pid)
        opened = running.finding("open", pid)
        assert opened["state"] == "uninterruptible"
        assert opened["killed"]["by"] == "signal"
        assert opened["wait"]["sigkill_wakes"] is False
        assert opened["wait"]["primitive"] == "percpu_down_read"
        assert any(frame.startswith("vfs_write+") for frame in opened["stack"])
        assert 1.0 <= opened["stuck_s"] <= time.monotonic() - before
        frozen.thaw()
        resolved = running.finding("resolved", pid)
        assert resolved["outcome"]["exit_signal"] == 9
        assert running.stop() == 1


def test_both_loaders_find_the_same() -> None:
    """The same stuck threads, seen by both at once."""
    with (
        stuck_tasks.frozen_file_system() as frozen,
        tracer("--loader", "bcc") as by_bcc,
        tracer("--loader", "libbpf") as by_libbpf,
    ):
        writer = frozen.writer().pid
        process, thread = frozen.thread_writer(leader_exits=True)
        stuck_tasks.kill(writer)
        stuck_tasks.kill(process.pid)
        for tid in (writer, thread):
            one, other = by_bcc.finding("open", tid), by_libbpf.finding("open", tid)
            for member in ("pid", "tid", "comm", "state", "stack", "blocked_by"):
                assert one[member] == other[member]
            # each loader reads the clock itself
            assert one["killed"] | {"t": 0} == other["killed"] | {"t": 0}
            assert one["wait"] == other["wait"]


def test_stuck_before_ktrace_started() -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        with tracer("--loader", "bcc") as running:
            opened = running.finding("open", pid)
            assert opened["state"] == "uninterruptible"
            assert (opened["killed"]["by"], opened["killed"]["t"]) == ("signal", None)
            assert opened["wait"]["primitive"] == "percpu_down_read"  # not a __sched function
            frozen.thaw()
            assert running.finding("resolved", pid)["outcome"]["exit_signal"] == 9


def test_a_mutex_is_called_a_mutex_when_the_kill_was_seen() -> None:
    """mutex_lock() is __sched: /proc/TID/stack leaves it out."""
    with stuck_tasks.frozen_file_system() as frozen:
        _, waiter = frozen.queue()
        with tracer("--loader", "bcc") as running:
            stuck_tasks.kill(waiter.pid)
            wait = running.finding("open", waiter.pid)["wait"]
            assert (wait["function"], wait["primitive"]) == ("fdget_pos", "mutex_lock")
        with tracer("--loader", "bcc") as late:
            wait = late.finding("open", waiter.pid)["wait"]
            assert (wait["function"], wait["primitive"]) == ("fdget_pos", "unknown")


def test_what_falls_asleep_after_the_kill_is_seen_to(log: EventLog) -> None:
    """sched_switch takes the time and the stack, with the scheduler's functions in it."""
    with stuck_tasks.frozen_file_system() as frozen:
        process = frozen.spinner()
        stuck_tasks.kill(process.pid)
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stuck_tasks.wait_for_state(process.pid, "D")
        # /proc says D as soon as the task has set its state, a moment before it is switched away
        found = stuck_tasks.wait_until(
            "its sleep has been seen", lambda: [s for s in [log.walk()[process.pid]] if s.asleep_t]
        )[0]
        pages = PageDecoder.of_kernel(None)
        decoder = Decoder(TaskStates(SINCE_4_14, False, ""), GfpFlags(()), None, pages)
        decoder.use_symbols(Symbols.of_kernel())
        decoded = decoder.decode(("TASK_STATE", found))
        assert isinstance(decoded, TaskState)
        assert decoded.source == "sampled"
        assert any(frame.startswith("schedule+") for frame in decoded.top)
        assert before <= found.asleep_t <= found.event.t


def test_killable_sleeper_and_zombie_are_not_reported() -> None:
    with tracer("--loader", "bcc") as running, stuck_tasks.zombie() as zombie:
        with stuck_tasks.killable_sleeper() as sleeper:
            assert stuck_tasks.state(sleeper.pid) == "D"  # says /proc
            with stuck_tasks.frozen_file_system() as frozen:
                pid = frozen.writer().pid
                stuck_tasks.kill(pid)
                running.finding("open", pid)  # walks have been made meanwhile
        assert not running.findings(sleeper.pid)
        assert not running.findings(zombie.pid)


def test_frozen_by_a_cgroup() -> None:
    with stuck_tasks.frozen_by_cgroup(1) as task, tracer("--loader", "bcc") as running:
        stuck_tasks.kill(task.process.pid)
        assert running.finding("open", task.process.pid)["state"] == "frozen"
        task.thaw()
        assert running.finding("resolved", task.process.pid)["outcome"]["exit_signal"] == 9


def test_running_in_the_kernel_is_one_finding_with_a_stack() -> None:
    """The looks of sched_switch and of /proc are of one thread: its birth is the same in both."""
    with tracer("--loader", "bcc", "--stuck-after", "0.3") as running:
        with stuck_tasks.spinning_in_kernel() as process:
            stuck_tasks.kill(process.pid)
            opened = running.finding("open", process.pid)
            assert opened["state"] == "running"
            running.finding("resolved", process.pid)  # many looks later
        opens = [f for f in running.findings(process.pid) if f["status"] == "open"]
        assert len(opens) == 1


def test_clean_run() -> None:
    done = undisturbed("oom-hang", "--loader", "bcc", "--json", "--duration", "0.5")
    assert done.returncode == 0, done.stderr
    assert '"verdict":"clean"' in done.stdout


def test_walk_looks_are_marked_as_sampled(log: EventLog) -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        pid = frozen.writer().pid
        assert log.walk()[pid].source == 2  # enum state_source: FROM_PROC
        assert log.walk()[pid].event.size == ctypes.sizeof(log.walk()[pid])


def test_full_buffer_is_counted_to_the_last_event(log: EventLog) -> None:
    """SIGKILL to a zombie does nothing, but it is generated."""
    with stuck_tasks.zombie() as process:
        # what others send while the buffer is full is counted, too: not every time
        assert any(_fill_and_count(log, process.pid) == 0 for _ in range(10))
        log.events.clear()
        os.kill(process.pid, 9)
        log.await_event("FATAL_SIGNAL", process.pid)


def _fill_and_count(log: EventLog, pid: int) -> int:
    """How many more signals were counted than sent; never fewer."""
    log.loader.read(0)
    log.events.clear()
    before = log.loader.lost().get("fatal_signal", 0)
    sent = 20_000
    for _ in range(sent):
        os.kill(pid, 9)
    lost = log.loader.lost()["fatal_signal"] - before
    log.events += log.loader.read(0)
    assert lost > 0
    more = len(log.of("FATAL_SIGNAL", pid)) + lost - sent
    assert more >= 0
    return more


def test_headers_of_another_kernel_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They compile and load, but what they read of ktrace itself is wrong."""

    def moved(release: str) -> Headers:
        headers = find_headers(release)
        assert headers.kernel_source
        file = Path(headers.kernel_source, "include", "ktrace_kernel.h")
        text = file.read_text()
        before, _, rest = text.partition("__before_tgid[")
        offset, _, after = rest.partition("]")
        file.write_text(f"{before}__before_tgid[{int(offset) + 4}]{after}")
        return headers

    monkeypatch.setattr(bcc_loader, "find_headers", moved)
    loader = BccLoader(KNOBS)
    with pytest.raises(CannotTrace, match="not those of the running kernel"):
        loader.attach()
    loader.close()


def test_the_self_test_sees_each_fact(log: EventLog) -> None:
    facts = own_facts()
    log.loader.read(0)
    os.kill(os.getpid(), signal.SIGURG)
    seen = log.await_event("TASK_STATE", os.getpid())
    assert agrees(seen, facts)
    for i, wrong in enumerate((facts[0] + 1, facts[1] + 1, facts[2] + b"x", facts[3] + 1)):
        assert not agrees(seen, (*facts[:i], wrong, *facts[i + 1 :]))  # type: ignore[arg-type]


def test_nothing_of_the_compiler_stays(log: EventLog) -> None:
    """Not its libraries, not bcc's module, not the headers."""
    maps = Path("/proc/self/maps").read_text()
    assert "libbcc" not in maps
    assert "libLLVM" not in maps
    assert "bcc" not in sys.modules
    assert not list(Path("/tmp").glob("ktrace-headers-*"))


def test_close_takes_everything_out() -> None:
    before = _bpf_descriptors()
    loader = BccLoader(KNOBS)
    loader.attach()
    assert _bpf_descriptors() > before
    loader.close()
    assert _bpf_descriptors() == before
    assert loader.walk() == ([], False)


def test_bcc_missing_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And of the name on PyPI, that it is something else."""
    (tmp_path / "bcc.py").write_text("raise ImportError('No module named bcc')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = ktrace("oom-hang", "--loader", "bcc", "--duration", "0")
    assert done.returncode == 3
    for word in ("python3-bpfcc", "python3-bcc", "python-bcc", "PyPI", "unrelated"):
        assert word in done.stderr
    (tmp_path / "bcc.py").write_text("lattice = 1")
    done = ktrace("oom-hang", "--loader", "bcc", "--duration", "0")
    assert done.returncode == 3
    assert "another package" in done.stderr


def test_a_bcc_in_the_current_folder_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "bcc.py").write_text("raise ImportError('of an attacker')")
    done = undisturbed("oom-hang", "--loader", "bcc", "--duration", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_helpers_of_newer_kernels_can_be_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before v5.8: no CLOCK_BOOTTIME in BPF, one helper to read memory, no stack."""
    monkeypatch.setattr(bcc_loader, "kernel_functions", lambda _wanted: set())
    loader = BccLoader(KNOBS)
    try:
        log = EventLog(loader, loader.attach())
        needed = ("signal_generate", "sched_switch", "sched_process_exit", "mark_victim")
        assert {log.probes[function].state for function in needed} == {"attached"}
        with stuck_tasks.sleeper() as process:
            before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            process.kill()
            sent = log.await_event("FATAL_SIGNAL", process.pid)
            after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            # the offset between the clocks is read once, so it is not exact
            assert before - 10**6 <= sent.event.t <= after + 10**6
            assert log.await_event("TASK_DEAD", process.pid).exit_code == 9
    finally:
        loader.close()


def test_a_text_that_does_not_compile_is_told() -> None:
    request = {"text": "int f(void *ctx) { return missing; }", "flags": [], "programs": {}}
    headers = find_headers(os.uname().release)
    try:
        with pytest.raises(CannotTrace, match="undeclared identifier 'missing'"):
            bcc_build.build(request | {"maps": []}, headers.kernel_source)
    finally:
        headers.drop()


def test_doctor_says_the_choice_and_why() -> None:
    done = ktrace("doctor", "--loader", "bcc")
    assert "bcc: --loader bcc" in done.stdout
    assert "headers        made from" in done.stdout
    assert "none of it stays" in done.stdout
    assert "libbpf: this kernel has BTF" in ktrace("doctor").stdout


def _bpf_descriptors() -> int:
    names = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("bpf" in name or "perf" in name for name in names)
