"""Groups of stuck tasks, and the headline."""

from dataclasses import replace

import pytest

from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event, Task
from ktrace.findings import StuckTask, WaitsFor
from ktrace.views.stuck_groups import groups, headline, killers
from tests.factories import kill, state, walk
from tests.views.runs import new_analysis

pytestmark = pytest.mark.unit

FROZEN = WaitsFor("percpu-rwsem", "0xffff888000010000", "ext4 on sda1 (/data)")
OTHER = WaitsFor("percpu-rwsem", "0xffff888000020000", "ext4 on sdb1 (/home)")


def stuck(*waits: WaitsFor | None) -> list[StuckTask]:
    """A task for each, stuck since 101, 101.1, ..."""
    analysis = new_analysis()
    tasks = [Task(100 + n, 100 + n, f"app{n}") for n in range(len(waits))]
    events: list[Event] = [kill(101 + n / 10, task) for n, task in enumerate(tasks)]
    events += [*(state(103.0, task) for task in tasks), walk(103.001)]
    for event in events:
        analysis.feed(event)
    found = analysis.of(StuckTasks).open.values()
    return [replace(finding, waits_for=wait) for finding, wait in zip(found, waits, strict=True)]


def test_equal_stacks_that_wait_for_different_objects_are_two_groups() -> None:
    found = groups(stuck(OTHER, FROZEN, OTHER))
    assert [[task.comm for task in group.tasks] for group in found] == [
        ["app0", "app2"],
        ["app1"],
    ]


def test_offsets_of_a_stack_make_no_group() -> None:
    first, second = stuck(FROZEN, FROZEN)
    moved = replace(second, stack=("mnt_want_write+0x99", *second.stack[1:]))
    assert len(groups([first, second])) == 1
    assert len(groups([first, moved])) == 2
    deeper = tuple(frame.replace("+0x", "+0x1") for frame in second.stack)
    assert len(groups([first, replace(second, stack=deeper)])) == 1


def test_headline_of_one() -> None:
    line = headline(stuck(FROZEN), 105.0)
    assert line == (
        "app0[100] stuck for 4.0s in squashfs_cache_get, behind percpu rwsem: ext4 on sda1 (/data)"
    )


def test_headline_of_many_behind_one() -> None:
    line = headline(stuck(FROZEN, FROZEN), 105.0)
    assert line == (
        "2 stuck, longest 4.0s, all behind percpu rwsem: ext4 on sda1 (/data): squashfs_cache_get 2"
    )


def test_headline_of_many_behind_two() -> None:
    line = headline(stuck(FROZEN, FROZEN, OTHER), 105.0)
    assert "3 stuck, longest 4.0s; 2 behind percpu rwsem: ext4 on sda1 (/data), 1 behind" in line


def test_headline_where_nothing_is_known() -> None:
    assert headline(stuck(None, None), 105.0) == "2 stuck, longest 4.0s: squashfs_cache_get 2"


def test_killers() -> None:
    assert killers(stuck(None, None)) == "sh[10]"
