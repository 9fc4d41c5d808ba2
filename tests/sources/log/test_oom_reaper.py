"""What the OOM reaper says: oom_reap_task_mm() and oom_reap_task() of mm/oom_kill.c, v6.1."""

import pytest

from ktrace.events import OomReaped, OomReport, OomUnreaped, Task
from tests.sources.log.samples import OOM_6_1, events_of, stamped

pytestmark = pytest.mark.unit

NOW = "now anon-rss:84kB, file-rss:4kB, shmem-rss:0kB"
REAPED = f"oom_reaper: reaped process 377 (app,d), {NOW}\n"


def reaped(log: str) -> list[OomReaped]:
    return [event for event in events_of(log) if isinstance(event, OomReaped)]


def test_what_was_freed_is_what_the_kill_line_had_more() -> None:
    (event,) = reaped(stamped(OOM_6_1 + REAPED))
    assert event.victim == Task(377, 377, "app,d")
    assert (event.anon_rss_kib, event.file_rss_kib, event.shmem_rss_kib) == (84, 4, 0)
    assert event.freed_kib == 41984 + 100 - 84 - 4
    assert event.after_s == pytest.approx(0.005)
    assert event.lines == (6, 6)


def test_the_first_form_of_linux_next_in_2016() -> None:
    """mm-oom_reaper-report-success-failure.patch of next-20160204: a colon, no "now", "lB"."""
    line = "oom_reaper: reaped process :377 (a.out) anon-rss:0kB, file-rss:8kB, shmem-rss:2lB\n"
    (event,) = reaped(line)
    assert (event.victim.comm, event.file_rss_kib, event.shmem_rss_kib) == ("a.out", 8, 2)
    assert (event.freed_kib, event.after_s) == (None, None)  # its kill is not in the log


def test_a_name_may_hold_what_follows_a_name() -> None:
    (event,) = reaped(f"oom_reaper: reaped process 5 (a), now (b) c), {NOW}\n")
    assert event.victim == Task(5, 5, "a), now (b) c")


def test_only_counters_that_both_lines_have() -> None:
    kill = "Out of memory: Killed process 377 (app) total-vm:50000kB, anon-rss:1000kB\n"
    assert [event.freed_kib for event in reaped(kill + REAPED)] == [916]


def test_a_pid_of_another_boot_is_another_task() -> None:
    banner = "Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)\n"
    assert [e.freed_kib for e in reaped(stamped(OOM_6_1) + stamped(banner + REAPED, 0.0))] == [None]


def test_each_line_goes_to_its_own_victim() -> None:
    first = OOM_6_1.replace("377", "376").replace("anon-rss:41984kB", "anon-rss:500kB")
    late = REAPED + REAPED.replace("377", "376")
    assert [event.freed_kib for event in reaped(stamped(first + OOM_6_1 + late))] == [41996, 512]


def test_a_line_between_those_of_another_report() -> None:
    lines = OOM_6_1.splitlines(keepends=True)
    found = events_of(stamped("".join([*lines[:3], REAPED, *lines[3:]])))
    assert [type(event) for event in found] == [OomReport, OomReaped]
    assert isinstance(found[0], OomReport)
    assert found[0].victim == Task(377, 377, "app,d")


def test_one_that_was_not_reaped() -> None:
    (event,) = events_of("oom_reaper: unable to reap pid:377 (app)\n")
    assert isinstance(event, OomUnreaped)
