"""ktrace.detectors.blocked: tasks that two looks find in the same sleep."""

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Task, TaskState
from ktrace.findings import BlockedTask
from ktrace.task_filter import TaskFilter
from tests.detectors.test_wait_chains import wait
from tests.factories import APP, session, state, walk

pytestmark = pytest.mark.unit

HOLDER = Task(30, 30, "holder")


def run(*events: Event) -> tuple[list[BlockedTask], str]:
    """Findings, and the verdict."""
    analysis = Analysis(session(command="stuck"))
    found = [finding for event in events for finding in analysis.feed(event)]
    assert all(isinstance(finding, BlockedTask) for finding in found)
    return found, analysis.end().verdict  # type: ignore[return-value]


def asleep(t: float, **changes: object) -> TaskState:
    return state(t, **({"killed": ()} | changes))  # type: ignore[arg-type]


def test_the_same_sleep_in_two_looks() -> None:
    (finding,), verdict = run(asleep(100.0), walk(100.1, 0.2), asleep(101.5), walk(101.6, 0.2))
    assert (finding.comm, finding.blocked_s, finding.killed) == ("appd", 1.5, False)
    assert finding.wait
    assert finding.wait.function == "squashfs_cache_get"
    assert verdict == "found"


def test_it_is_told_once() -> None:
    looks = [event for t in (100.0, 101.5, 103.0) for event in (asleep(t), walk(t + 0.1, 0.2))]
    assert len(run(*looks)[0]) == 1


def test_what_blocks_it() -> None:
    (finding,), _ = run(
        asleep(100.0),
        walk(100.1, 0.2),
        asleep(101.5),
        state(101.5, HOLDER, killed=()),
        wait(101.5, APP, HOLDER),
        walk(101.6, 0.2),
    )
    assert [blocker.comm for blocker in finding.blocked_by] == ["holder"]


@pytest.mark.parametrize(
    "second",
    [
        asleep(101.5, switches=9),  # it was awake in between
        asleep(101.5, start_t=101.0),  # another thread with the same id
        asleep(101.5, state="interruptible"),
        asleep(101.5, state="idle"),
    ],
)
def test_what_is_not_blocked(second: TaskState) -> None:
    assert run(asleep(100.0), walk(100.1, 0.2), second, walk(101.6, 0.2)) == ([], "clean")


def test_nobody_asleep_is_clean_after_two_looks() -> None:
    assert run(walk(100.1), walk(101.6)) == ([], "clean")


@pytest.mark.parametrize(
    "events",
    [
        (),
        (walk(100.1),),
        (walk(100.1), walk(100.9)),  # closer than --longer-than
        (walk(100.1), walk(101.6, complete=False)),
    ],
)
def test_one_look_is_no_verdict(events: tuple[Event, ...]) -> None:
    assert run(*events) == ([], "inconclusive")


@pytest.mark.parametrize(("function", "told"), [("netdev_run_todo", 1), ("i2c_wait", 0)])
def test_who_asks_again_and_again_is_blocked_too(function: str, told: int) -> None:
    """netdev_run_todo() wakes every 250 ms, to see whether the last reference is gone."""
    stack = ("msleep+0x2d", f"{function}+0x1", "rtnl_dellink+0x2")
    found, _ = run(
        asleep(100.0, stack=stack),
        walk(100.1, 0.2),
        asleep(101.5, stack=stack, switches=13),
        walk(101.6, 0.2),
    )
    assert len(found) == told


CGROUP = f"/system.slice/docker-{'4f1c2d3e5a6b7c8d' * 4}.scope"


@pytest.mark.parametrize(("container", "told"), [("4f1c", 1), ("beef", 0)])
def test_filter(container: str, told: int) -> None:
    only = TaskFilter(container=(container,))
    analysis = Analysis(session(command="stuck", filter=only))
    looks = [
        event for t in (100.0, 101.5) for event in (asleep(t, cgroup=CGROUP), walk(t + 0.1, 0.2))
    ]
    found = [finding for event in looks for finding in analysis.feed(event)]
    assert len(found) == told
    assert analysis.end().verdict == ("found" if told else "clean")
    assert all(finding.container == "4f1c2d3e5a6b7c8d" * 4 for finding in found)  # type: ignore[attr-defined]
