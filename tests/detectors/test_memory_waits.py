"""ktrace.detectors.memory_waits: who waits for memory, and for whose death."""

from dataclasses import replace

import pytest

from ktrace.events import Event, OomCaller, Task, TaskState
from ktrace.findings import Blocker, StuckTask
from tests.detectors.test_wait_chains import MEMCG_STACK, MUTEX_STACK, B, C, asleep, found, wait
from tests.factories import (
    APP,
    activity,
    asked,
    kill,
    oom_kill,
    oom_victim,
    reap,
    state,
    walk,
)

pytestmark = pytest.mark.unit

CGROUP, OTHER = 41, 42


def runs(t: float, task: Task, **changes: object) -> TaskState:
    """On a CPU, not killed."""
    values = {"state": "running", "state_flags": "", "on_cpu": True, "stack": ()}
    return state(t, task, killed=(), **(values | changes))


def killed_in(cgroup: int, t: float = 100.0, victim: Task = APP, by: Task = B) -> list[Event]:
    """The OOM killer's victim in a memory cgroup."""
    chosen = oom_kill(t, victim, by)
    return [
        replace(chosen, constraint="CONSTRAINT_MEMCG", domain_id=cgroup),
        kill(t, victim, by=by, si_code=128),
        oom_victim(t, victim.tid, by=by),
    ]


def calls(t: float, task: Task, cgroup: int = CGROUP) -> Event:
    caller = OomCaller(task, 900, 100.0, t, False)
    return activity(t, 900, callers=(caller,), cgroup_id=cgroup)


def behind(*events: Event) -> Blocker:
    """Who blocks APP, which waits for a mutex that B holds."""
    (finding,) = found(
        *killed_in(CGROUP),
        *events,
        state(102.0, stack=MUTEX_STACK, oom_victim=True),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )
    assert isinstance(finding, StuckTask)
    (holder,) = finding.blocked_by
    return holder


def test_a_holder_that_runs_and_calls_out_of_memory_waits_for_the_victim() -> None:
    holder = behind(calls(101.5, B), runs(102.0, B))
    assert holder.state == "running"
    assert holder.wait
    assert (holder.wait.kind, holder.wait.detail) == (
        "memory",
        "the OOM killer of memory cgroup /app",
    )
    (victim,) = holder.blocked_by
    assert victim.cycle_to == APP.tid
    assert victim.evidence == ("out_of_memory() called", "oom_kill_process()")
    assert holder.release
    assert "a larger memory.max of /app" in holder.release.text


def test_one_call_is_enough() -> None:
    call = replace(asked(101.5, B, "/app"), cgroup_id=CGROUP)
    assert behind(call, runs(102.0, B)).blocked_by[0].cycle_to == APP.tid


def test_a_call_of_long_ago_says_nothing() -> None:
    holder = behind(calls(99.0, B), runs(102.0, B))
    assert (holder.wait, holder.blocked_by) == (None, ())


def test_who_only_runs_does_not_wait_for_memory() -> None:
    holder = behind(calls(101.5, C), runs(102.0, B))
    assert (holder.wait, holder.blocked_by) == (None, ())


def test_a_victim_in_another_cgroup_is_not_waited_for() -> None:
    holder = behind(calls(101.5, B, OTHER), runs(102.0, B))
    assert holder.wait
    assert holder.blocked_by == ()


def test_the_stack_of_a_preempted_holder_tells() -> None:
    holder = behind(runs(102.0, B, on_cpu=False, stack=("try_charge_memcg+0x1", "charge+0x2")))
    assert holder.wait
    assert holder.wait.detail == "a charge to its memory cgroup"
    assert holder.blocked_by[0].evidence[0] == "stack of the one that waits"


def test_the_saved_stack_of_one_on_a_cpu_is_an_old_one() -> None:
    assert behind(runs(102.0, B, stack=("try_charge_memcg+0x1",))).wait is None


def test_the_cgroup_of_a_sleeper_is_known_from_its_calls() -> None:
    events = [*killed_in(OTHER, victim=C, by=C), calls(101.5, B), asleep(102.0, C)]
    holder = behind(*events, asleep(102.0, B, stack=MEMCG_STACK))
    assert [victim.tid for victim in holder.blocked_by] == [APP.tid]


def test_the_victim_that_the_oom_killer_waits_for_comes_before_those_reaped() -> None:
    events = [*killed_in(CGROUP, 99.0, C), reap(101.0, "finish", C.tid)]
    events += [state(102.0, C, oom_victim=True), calls(101.5, B), runs(102.0, B)]
    findings = found(
        *killed_in(CGROUP),
        *events,
        state(102.0, stack=MUTEX_STACK, oom_victim=True),
        wait(102.0, APP, B),
        walk(102.1, took=0.2),
    )
    (holder,) = next(f for f in findings if f.tid == APP.tid).blocked_by
    assert [victim.tid for victim in holder.blocked_by] == [APP.tid, C.tid]
    assert "what the OOM reaper could not take" in holder.blocked_by[1].why
