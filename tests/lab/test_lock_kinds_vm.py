"""Every kind of lock in a guest: ktrace names the threads that hold, whose names say so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios.lock_kinds import HELD_UNTIL, THREADS, WORKER, waits
from tests.lab.kernels import OWN, kernel_of

pytestmark = pytest.mark.vm

Record = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What the trace says of each waiter, by its name, and the thread that runs the work item."""

    waits: dict[str, Record]
    all_waits: list[Record]
    worker: int
    kernel: str
    lines: list[str]

    @property
    def shows_variables(self) -> bool:
        """CONFIG_KALLSYMS_ALL, which Debian has set until 13."""
        return self.kernel.startswith(("5.", "6."))


kernel = kernel_of(OWN, "bullseye")  # RCU readers are not preempted on 5.10


@pytest.fixture(scope="module")
def run(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Run:
    trace: Path = tmp_path_factory.mktemp("lab") / "kinds.ktrace"
    result = run_scenario("lock-kinds", output=trace, kernel=kernel)
    until = result.kept[HELD_UNTIL] / 100
    read = [wait for wait in waits(trace.read_bytes()) if wait["t"] <= until]
    found = {wait["task"]["comm"]: wait for wait in read}
    return Run(found, read, result.kept[WORKER], result.kernel, trace.read_text().splitlines())


def holders(wait: Record) -> list[str]:
    return [holder["task"]["comm"] for holder in wait["holders"]]


def test_every_thread_that_waits_is_read(run: Run) -> None:
    assert {*THREADS} <= run.waits.keys()


@pytest.mark.parametrize(
    ("waiter", "kind", "variable", "holder"),
    [
        ("wait-mutex", "mutex", "lab_mutex", "hold-mutex"),
        ("wait-rwsem-w", "rwsem", "lab_written", "hold-rwsem-w"),
        ("wait-rwsem-r", "rwsem", "lab_read", "hold-rwsem-r"),
        ("wait-rt-mutex", "rt-mutex", "lab_rt_mutex", "hold-rt-mutex"),
        ("wait-stop", "completion", "the end of hold-stop", "hold-stop"),
    ],
)
def test_the_named_holder_is_the_one_that_holds(
    run: Run, waiter: str, kind: str, variable: str, holder: str
) -> None:
    wait = run.waits[waiter]
    assert wait["wait"] == kind
    assert wait["detail"].startswith(variable) or not run.shows_variables
    assert holders(wait) == [holder]


def test_a_reader_is_only_a_hint(run: Run) -> None:
    (reader,) = run.waits["wait-rwsem-r"]["holders"]
    assert reader["why"] == "may hold the rwsem for reading"
    (writer,) = run.waits["wait-rwsem-w"]["holders"]
    assert writer["why"] == "holds the rwsem for writing"


@pytest.mark.parametrize(
    ("waiter", "kind", "detail"),
    [
        ("wait-percpu-w", "percpu-rwsem", "lab_percpu_written"),
        ("wait-percpu-r", "percpu-rwsem", "lab_percpu_read, held by 1 reader"),
        ("wait-folio", "folio", "locked, of no file"),
        ("wait-srcu", "srcu", "a grace period of lab_srcu, 1 reader inside"),
        ("wait-completion", "completion", "lab_completion"),
        ("wait-bit", "bit", "bit 0 of lab_bit"),
        ("wait-event", "wait-queue", "lab_event"),
    ],
)
def test_where_nobody_keeps_the_holder_none_is_named(
    run: Run, waiter: str, kind: str, detail: str
) -> None:
    wait = run.waits[waiter]
    assert wait["wait"] == kind
    assert wait["detail"] == detail or not run.shows_variables
    assert holders(wait) == []


def test_a_wait_in_a_foreign_module_names_the_module(run: Run) -> None:
    wait = run.waits["wait-nameless"]
    assert wait["wait"] == "driver"
    module = "out-of-tree, unsigned module lock_kinds 1.0 (taints O, E)"
    assert wait["detail"] == f"wait_nameless() of the {module}"


def test_of_a_semaphore_who_took_it_last_is_a_hint(run: Run) -> None:
    wait = run.waits["wait-semaphore"]
    assert wait["wait"] == "semaphore"
    hint = "semaphore.last_holder" in wait["evidence"]
    assert holders(wait) == ["hold-semaphore"] * hint
    assert all(held["why"].startswith("may hold") for held in wait["holders"])


@pytest.mark.parametrize(
    ("waiter", "detail"),
    [
        ("wait-work", "hold_work of workqueue lab"),
        ("wait-pending", "never_begins of workqueue lab, which has not begun"),
        ("wait-workqueue", "all items of workqueue lab"),
    ],
)
def test_the_worker_is_the_one_that_runs_the_item(run: Run, waiter: str, detail: str) -> None:
    wait = run.waits[waiter]
    assert (wait["wait"], wait["detail"]) == ("work", detail)
    assert [holder["task"]["tid"] for holder in wait["holders"]] == [run.worker]


def test_a_grace_period_waits_for_those_inside(run: Run) -> None:
    """Which of the two, depends on when the one before it began."""
    wait = run.waits["wait-rcu"]
    assert wait["wait"] == "rcu"
    assert {*holders(wait)} <= {"spin-rcu", "hold-rcu"}
    assert holders(wait)
    if run.kernel.startswith("5."):
        assert holders(wait) == ["spin-rcu"]
        assert wait["detail"] == "a grace period, which waits for CPU 1"


def test_who_never_sleeps_holds_up_rcu_tasks(run: Run) -> None:
    """5.10 has none: its tasks are not preempted."""
    wait = run.waits.get("wait-tasks")
    assert bool(wait) == (not run.kernel.startswith("5."))
    if wait:
        assert wait["wait"] == "rcu-tasks"
        assert wait["detail"] == "a grace period of RCU tasks, which waits for 1 task"
        assert holders(wait) == ["spin-tasks"]


def test_who_reads_holds_up_rcu_tasks_trace(run: Run) -> None:
    """7.2 has made SRCU of it."""
    wait = run.waits["wait-trace"]
    if not run.kernel.startswith(("5.", "6.")):
        assert wait["wait"] == "srcu"
        return
    assert wait["wait"] == "rcu-tasks"
    if run.kernel.startswith("5."):  # for whom it waits, is not told
        assert wait["detail"] == "a grace period of RCU tasks trace"
        return
    assert wait["detail"] == "a grace period of RCU tasks trace, which waits for 1 task"
    assert holders(wait) == ["hold-trace"]


def test_rcu_tasks_rude_waits_for_work_on_each_cpu(run: Run) -> None:
    wait = run.waits.get("wait-rude")
    assert bool(wait) == run.kernel.startswith(("5.", "6.1."))  # later ones do not export it
    if wait:
        assert wait["detail"] == "a grace period of RCU tasks rude"
        assert holders(wait) == ["rcu_tasks_rude_"]
        driver = run.waits["rcu_tasks_rude_"]
        assert driver["wait"] == "work"
        assert driver["detail"].startswith("rcu_tasks_be_rude of workqueue events")


def test_mmap_locks_are_those_of_the_processes(run: Run) -> None:
    """Waited for by shells: a name that others have, too."""
    (written,) = mmap_waits(run, "sh[")
    assert [held["why"] for held in written["holders"]] == ["holds the rwsem for writing"]


def test_both_threads_that_fault_are_likely_to_hold_it_for_reading(run: Run) -> None:
    """One of them as the newest reader, which the kernel keeps."""
    (read,) = mmap_waits(run, "faulters[")
    newest, other = read["holders"]
    assert newest["why"] == "may hold the rwsem for reading"
    assert other["within"] == "page fault"
    assert [held["task"]["comm"] for held in (newest, other)] == ["faulters"] * 2
    assert newest["task"]["tid"] != other["task"]["tid"]


def mmap_waits(run: Run, process: str) -> list[Record]:
    found = {wait["task"]["tid"]: wait for wait in run.all_waits}
    return [
        wait for wait in found.values() if f"mmap_lock of the mm of {process}" in wait["detail"]
    ]


def test_all_end_when_all_is_released(run: Run) -> None:
    assert '"exit_signal":9' in "".join(line for line in run.lines if '"resolved"' in line)
