"""memory.oom.group: mem_cgroup_print_oom_group() of mm/memcontrol.c, __oom_kill_process() of
mm/oom_kill.c, v6.1."""

import pytest

from ktrace.events import OomReport
from ktrace.views.oom_groups import AlikeOoms
from tests.sources.log.samples import OOM_6_1, events_of, stamped

pytestmark = pytest.mark.unit

GROUP = "Tasks in /app.slice are going to be killed due to memory.oom.group set\n"


def killed(pid: int, comm: str = "app,d") -> str:
    return (
        f"Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:50000kB, "
        "anon-rss:41984kB, file-rss:100kB, shmem-rss:0kB, UID:1000 pgtables:120kB oom_score_adj:0\n"
    )


def kills(log: str) -> list[OomReport]:
    return [event for event in events_of(log) if isinstance(event, OomReport)]


def test_the_tasks_of_the_group_are_killed_with_it() -> None:
    first, again, helper = kills(stamped(OOM_6_1 + GROUP + killed(377) + killed(378, "helper")))
    assert (first.group, first.memcg) == (False, None)
    assert (again.group, again.memcg) == (helper.group, helper.memcg) == (True, "/app.slice")


def test_the_victim_is_told_once() -> None:
    """The kernel names it again with its group."""
    alike = AlikeOoms()
    shown = [alike.show(kill) for kill in kills(stamped(OOM_6_1 + GROUP + killed(377)))]
    assert shown == [True, False]
    assert alike.rest() == []


def test_a_later_kill_is_none_of_the_group() -> None:
    between = "usb 1-1: new high-speed USB device\n" * 20
    *_, late = kills(stamped(OOM_6_1 + GROUP + killed(378) + between + killed(400)))
    assert not late.group
