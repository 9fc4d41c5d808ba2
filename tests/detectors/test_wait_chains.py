"""ktrace.detectors.wait_chains: who waits for whom, from event lists."""

from dataclasses import replace

import pytest

from ktrace.detectors.kills import Kills
from ktrace.detectors.stuck import StuckTasks
from ktrace.detectors.wait_chains import BLOCKERS_KEPT
from ktrace.events import Event, Holder, Task, TaskState, TaskWait
from ktrace.findings import StuckTask, finding_from_json, finding_to_json
from tests.factories import APP, FILLER_STACK, SHELL, call, kill, oom_kill, oom_victim, state, walk

pytestmark = pytest.mark.unit

B, C = Task(30, 30, "backup"), Task(40, 40, "cleaner")
MUTEX_STACK = ("__schedule+0x1", "__mutex_lock.constprop.0+0x2", "pipe_write+0x3")
MEMORY_STACK = ("__schedule+0x1", "schedule_timeout+0x2", "out_of_memory+0x3", "charge+0x4")
MEMCG_STACK = ("__schedule+0x1", "mem_cgroup_out_of_memory+0x3", "charge+0x4")


def wait(t: float, task: Task, *holders: Task, **changes: object) -> TaskWait:
    made = TaskWait(
        t=t,
        task=task,
        start_t=50.0,
        switches=7,
        wait="mutex",
        object="0xffff888000020000",
        detail="mutex of a pipe",
        evidence=("mutex_waiter on its stack", "mutex.owner"),
        holders=tuple(Holder(holder, "holds the mutex") for holder in holders),
        waiters=1,
        target="",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def asleep(t: float, task: Task, **changes: object) -> TaskState:
    """Not killed."""
    return state(t, task, killed=(), **changes)


def found(*events: Event) -> list[StuckTask]:
    kills = Kills()
    stuck = StuckTasks(1.0, kills)
    findings = []
    for event in events:
        kills.feed(event)
        findings += stuck.feed(event)
    return findings


def test_a_chain_to_its_end() -> None:
    (finding,) = found(
        kill(100.0),
        state(102.0, stack=MUTEX_STACK),
        asleep(102.0, B, stack=MUTEX_STACK, asleep_t=90.0),
        asleep(102.0, C, stack=FILLER_STACK),
        wait(102.0, APP, B),
        wait(102.0, B, C),
        wait(102.0, C, wait="block-io", detail="sda1, sector 8", target="sda1"),
        walk(102.1, took=0.2),
    )
    assert finding.waits_for
    assert finding.waits_for.detail == "mutex of a pipe"
    (second,) = finding.blocked_by
    assert (second.comm, second.why, second.since) == ("backup", "holds the mutex", 90.0)
    assert second.evidence == ("mutex_waiter on its stack", "mutex.owner")
    (third,) = second.blocked_by
    assert third.wait
    assert (third.comm, third.wait.kind) == ("cleaner", "block-io")
    assert third.blocked_by == ()
    assert third.release
    assert "nothing in user space" in third.release.text


def test_a_chain_survives_json() -> None:
    (finding,) = found(
        kill(100.0),
        state(102.0, stack=MUTEX_STACK),
        asleep(102.0, B, stack=MUTEX_STACK),
        wait(102.0, APP, B),
        wait(102.0, B, APP),
        walk(102.1, took=0.2),
    )
    assert finding_from_json(finding_to_json(finding)) == finding


def test_a_cycle_ends_where_it_closes() -> None:
    (finding,) = found(
        kill(100.0),
        state(102.0, stack=MUTEX_STACK),
        asleep(102.0, B, stack=MUTEX_STACK),
        wait(102.0, APP, B),
        wait(102.0, B, APP),
        walk(102.1, took=0.2),
    )
    (second,) = finding.blocked_by
    (back,) = second.blocked_by
    assert back.cycle_to == APP.tid
    assert back.blocked_by == ()


def test_what_was_read_in_an_earlier_sleep_counts_no_more() -> None:
    (finding,) = found(
        kill(100.0),
        wait(101.0, APP, B),
        state(102.0, stack=MUTEX_STACK, switches=9),
        asleep(102.0, B),
        walk(102.1, took=0.2),
    )
    assert finding.blocked_by == ()
    assert finding.waits_for is None


def test_a_holder_that_nobody_has_looked_at_is_named() -> None:
    (finding,) = found(
        kill(100.0), state(102.0, stack=MUTEX_STACK), wait(102.0, APP, B), walk(102.1, took=0.2)
    )
    (blocker,) = finding.blocked_by
    assert (blocker.tid, blocker.state, blocker.wait) == (B.tid, "unknown", None)


def test_a_thread_never_blocks_itself() -> None:
    (finding,) = found(
        kill(100.0), state(102.0, stack=MUTEX_STACK), wait(102.0, APP, APP), walk(102.1, took=0.2)
    )
    assert finding.blocked_by == ()


def test_behind_a_squashfs_reader_stands_the_disk() -> None:
    (finding,) = found(
        kill(100.0),
        state(102.0, squashfs=call(1)),
        asleep(102.0, B, stack=FILLER_STACK, squashfs=call(1)),
        wait(102.0, B, wait="block-io", detail="vda, sector 8", target="vda"),
        walk(102.1, took=0.2),
    )
    (reader,) = finding.blocked_by
    assert reader.why == "reads the block that it waits for"
    assert reader.wait
    assert reader.wait.detail == "vda, sector 8"
    assert finding.waits_for
    assert finding.waits_for.kind == "squashfs-cache"


def test_the_classic_oom_deadlock_is_a_cycle() -> None:
    """The victim waits for a mutex, whose holder waits for memory, which waits for the victim."""
    (finding,) = found(
        oom_kill(100.0, APP, B),
        kill(100.0, by=B, si_code=128),
        oom_victim(100.0, by=B),
        state(102.0, stack=MUTEX_STACK, oom_victim=True),
        asleep(102.0, B, stack=MEMORY_STACK),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )
    (holder,) = finding.blocked_by
    assert holder.wait
    assert holder.wait.kind == "memory"
    (victim,) = holder.blocked_by
    assert victim.cycle_to == APP.tid
    assert victim.why == "is an OOM victim, whose memory is waited for"


def test_memory_of_a_cgroup_does_not_wait_for_a_victim_of_the_machine() -> None:
    (finding,) = found(
        oom_kill(100.0, APP, SHELL),  # CONSTRAINT_NONE
        kill(100.0, by=SHELL, si_code=128),
        oom_victim(100.0),
        state(102.0, stack=MUTEX_STACK, oom_victim=True),
        asleep(102.0, B, stack=MEMCG_STACK),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )
    assert finding.blocked_by[0].blocked_by == ()


def test_of_many_holders_some_are_listed_and_the_rest_counted() -> None:
    many = [Task(100 + i, 100 + i, "member") for i in range(BLOCKERS_KEPT + 5)]
    (finding,) = found(
        kill(100.0), state(102.0, stack=MUTEX_STACK), wait(102.0, APP, *many), walk(102.1, took=0.2)
    )
    assert len(finding.blocked_by) == BLOCKERS_KEPT
    assert finding.blockers_left_out == 5


def test_a_new_holder_is_told() -> None:
    first, second = found(
        kill(100.0),
        state(102.0, stack=MUTEX_STACK),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
        state(103.0, stack=MUTEX_STACK),
        wait(103.0, APP, C),
        walk(103.1, took=0.2),
    )
    assert [first.blocked_by[0].comm, second.blocked_by[0].comm] == ["backup", "cleaner"]
    assert second.status == "update"


FAULT_STACK = ("__schedule+0x1", "wait_for_disk+0x1", "handle_mm_fault+0x2", "exc_page_fault+0x3")


@pytest.mark.parametrize(("stack", "named"), [(FAULT_STACK, True), (FILLER_STACK, False)])
def test_a_reader_of_an_mmap_lock_is_inside_of_a_page_fault(
    stack: tuple[str, ...], named: bool
) -> None:
    """Of a thread that is elsewhere, neither the chain nor what releases it says a word."""
    likely = Holder(B, "is likely to hold the mmap_lock for reading", within="page fault")
    (finding,) = found(
        kill(100.0),
        state(102.0, stack=("__schedule+0x1", "rwsem_down_write_slowpath+0x2", "mmap+0x3")),
        asleep(102.0, B, stack=stack),
        wait(102.0, APP, wait="rwsem", holders=(likely,)),
        walk(102.0),
    )
    assert [blocker.tid for blocker in finding.blocked_by] == [B.tid] * named
    assert finding.release
    assert ("backup" in finding.release.text) is named
