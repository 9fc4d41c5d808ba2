"""A kill's life in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.kills import Kill, Kills
from ktrace.events import Event, Task
from ktrace.views.kill_timeline import compact, timeline
from tests.factories import asked, dead, exited, kill, oom_kill, oom_victim, reap

pytestmark = pytest.mark.unit

BEGIN: tuple[Event, ...] = (
    replace(asked(100.9, memcg="/app"), gfp_mask="0x140cca"),
    oom_kill(101),
    kill(101.1, si_code=128),
    oom_victim(101.2),
)


def killed(*events: Event) -> Kill:
    kills = Kills()
    for event in events:
        kills.feed(event)
    return kills.oom[-1]


def test_each_step_with_its_duration() -> None:
    head, *steps, result = timeline(killed(*BEGIN, exited(101.25), dead(101.5)))
    assert "appd[20], invoked by sh[10]" in head
    assert "memory cgroup /app" in head
    assert "anon 41 MiB" in head
    assert [step.split("ms  ")[-1] for step in steps] == [
        "invoked",
        "chosen, 41 MiB resident",
        "SIGKILL",
        "marked",
        "mm released",
        "dead",
    ]
    assert "350.0 ms" in steps[4]
    assert "+50.0 ms" in steps[4]
    assert result.strip().startswith("dead after 0.4s by SIGKILL")
    assert "the OOM reaper was not needed" in result


def test_the_step_at_which_it_stopped() -> None:
    lines = timeline(killed(*BEGIN, reap(103.2, "wake"), reap(103.3, "start")))
    assert lines[-1].strip() == 'not seen to die: it got as far as "reaper started"'


def test_what_the_reaper_freed() -> None:
    reaped = (
        replace(reap(103.2, "start"), rss_kib=40960),
        replace(reap(103.3, "finish"), rss_kib=1024),
    )
    lines = timeline(killed(*BEGIN, *reaped, dead(104)))
    assert any(line.endswith("reaper finished, 1 MiB resident, 39 MiB freed") for line in lines)
    assert "not needed" not in lines[-1]


def test_a_thread_that_lives_on_is_not_hidden_by_its_leader_s_death() -> None:
    begin = [replace(event, threads=2) if event is BEGIN[1] else event for event in BEGIN]
    lines = timeline(killed(*begin, dead(101.5)))
    assert lines[-1].strip().startswith('1 of 2 threads dead: it got as far as "dead"')
    worker = Task(20, 21, "worker")
    lines = timeline(killed(*begin, dead(101.4, worker), dead(101.5)))
    assert lines[-1].strip().startswith("dead after 0.4s by SIGKILL")
    assert any("dead (thread worker[20/21])" in line for line in lines)


def test_without_a_probe_on_the_choice() -> None:
    lines = timeline(killed(kill(101, si_code=128), oom_victim(101.1), dead(102)))
    assert "not known without a probe on oom_kill_process()" in lines[0]


def test_in_one_line() -> None:
    text = compact(killed(*BEGIN, dead(101.5)))
    assert text.startswith("invoked, chosen +100.0 ms, SIGKILL +100.0 ms")
    assert text.endswith("mm released +300.0 ms, dead +0.0 ms")


def test_of_many_threads_deaths_the_line_has_the_last() -> None:
    begin = [replace(event, threads=3) if event is BEGIN[1] else event for event in BEGIN]
    deaths = [dead(101.4 + i / 10, Task(20, 20 + i, "worker")) for i in range(3)]
    assert compact(killed(*begin, *deaths)).count("dead") == 1
    assert compact(killed(*begin, deaths[0])).endswith("; 1 of 3 threads dead")


def test_one_that_shares_the_mm() -> None:
    sharer = kill(101.3, Task(30, 30, "sharer"), si_code=128)
    lines = timeline(killed(*BEGIN, sharer, dead(101.5)))
    assert any(line.endswith("SIGKILL to sharer[30], which shares the mm") for line in lines)
    assert lines[-1].endswith("1 other process not known to have released the mm yet")


def test_a_member_of_the_oom_group() -> None:
    member = Task(30, 30, "member")
    lines = timeline(killed(*BEGIN, kill(101.3, member, si_code=128), oom_victim(101.4, 30)))
    assert lines[0] == (
        "member[30], invoked by sh[10]; killed as a member of the memory.oom.group of appd[20]"
    )
