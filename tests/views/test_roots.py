"""ktrace.views.roots, ktrace.views.deadlock: what is shown first of wait chains."""

from dataclasses import replace

import pytest

from ktrace.findings import Blocker, StuckTask, WaitsFor
from ktrace.views.deadlock import deadlock
from ktrace.views.roots import first_line, root, root_section
from tests.detectors.test_memory_waits import calls, killed_in, runs
from tests.detectors.test_wait_chains import MUTEX_STACK, B, C, asleep, found, wait
from tests.factories import APP, FILLER_STACK, kill, state, walk

pytestmark = pytest.mark.unit

CYCLE = (
    "DEADLOCK: appd[20] waits for mutex: mutex of a pipe, held by backup[30]; backup[30] waits for "
    "memory: the OOM killer of memory cgroup /app; memory waits for appd[20] to die"
)


def oom_deadlock() -> list[StuckTask]:
    return found(
        *killed_in(41),
        calls(101.5, B),
        runs(102.0, B),
        state(102.0, stack=MUTEX_STACK, oom_victim=True),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )


def chain() -> list[StuckTask]:
    """Two wait for C, and C for a disk."""
    return found(
        kill(100.0),
        kill(100.0, B),
        state(102.0, stack=MUTEX_STACK),
        state(102.0, B, stack=MUTEX_STACK),
        asleep(102.0, C, stack=FILLER_STACK),
        wait(102.0, APP, C),
        wait(102.0, B, C),
        wait(102.0, C, wait="block-io", detail="sda1, sector 8", target="sda1"),
        walk(102.1, took=0.2),
    )


def test_a_cycle_is_one_sentence() -> None:
    (finding,) = oom_deadlock()
    assert deadlock(finding) == CYCLE
    assert first_line(finding) == [CYCLE]
    assert root(finding) == "a deadlock with backup[30]"


def test_a_cycle_that_the_task_only_waits_for_is_told_without_it() -> None:
    """C waits for B; B and APP wait for each other."""
    findings = found(
        kill(100.0, C),
        state(102.0, C, stack=MUTEX_STACK),
        asleep(102.0, B, stack=MUTEX_STACK),
        asleep(102.0, APP, stack=MUTEX_STACK),
        wait(102.0, C, B),
        wait(102.0, B, APP),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )
    (finding,) = findings
    assert deadlock(finding) == (
        "DEADLOCK: backup[30] waits for mutex: mutex of a pipe, held by appd[20]; "
        "appd[20] waits for mutex: mutex of a pipe, held by backup[30]"
    )
    assert root(finding) == "a deadlock with appd[20], backup[30]"


def test_without_a_cycle_the_end_of_the_chain() -> None:
    first, _ = chain()
    assert deadlock(first) == ""
    assert first_line(first) == ["waits in the end for block I/O: sda1, sector 8"]


def test_tasks_are_grouped_by_what_they_wait_for_in_the_end() -> None:
    lines = root_section(chain(), "thread")
    assert lines[0] == "2 threads wait, directly or not, for block I/O: sda1, sector 8"
    assert lines[1].startswith("  to release: nothing in user space")


def test_deadlocks_come_first() -> None:
    lines = root_section([*chain(), *oom_deadlock()], "thread")
    assert lines[0] == "1 thread waits, directly or not, for a deadlock with backup[30]"
    assert " ".join(line.strip() for line in lines[1:3]) == CYCLE


def test_who_is_outside_of_the_cycle_does_not_release_it() -> None:
    """A reader of the rwsem is blocked by a disk; the other one by APP."""
    lines = root_section(
        found(
            kill(100.0),
            state(102.0, stack=MUTEX_STACK),
            asleep(102.0, B, stack=MUTEX_STACK),
            asleep(102.0, C, stack=FILLER_STACK),
            wait(102.0, APP, C, B, wait="rwsem"),
            wait(102.0, B, APP),
            wait(102.0, C, wait="block-io", detail="dm-0", target="dm:data"),
            walk(102.1, took=0.2),
        ),
        "thread",
    )
    assert lines[0] == "1 thread waits, directly or not, for a deadlock with backup[30]"
    assert "appd[20] has to release it" in lines[-2]
    assert "dmsetup" not in "".join(lines)


def test_a_chain_from_a_damaged_trace_ends() -> None:
    """Wide and deep, without an end that any task has."""
    level: tuple[Blocker, ...] = ()
    for depth in range(16):
        level = tuple(
            Blocker(
                n, n, "x", "running", None, "?", wait=WaitsFor("mutex", "", ""), blocked_by=level
            )
            for n in range(depth * 16 + 1, depth * 16 + 17)
        )
    (finding,) = oom_deadlock()
    assert deadlock(replace(finding, blocked_by=level)) == ""
