"""A kill's life in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.oom_kills import Kill, OomKills
from ktrace.events import Event, Task
from ktrace.views.kill_timeline import compact, timeline
from tests.factories import asked, dead, exited, kill, oom_kill, oom_victim, reap

pytestmark = pytest.mark.unit

BEGIN: tuple[Event, ...] = (
    asked(100.9, memcg="/app"),
    oom_kill(101),
    kill(101.1, si_code=128),
    oom_victim(101.2),
)


def killed(*events: Event) -> Kill:
    kills = OomKills()
    for event in events:
        kills.feed(event)
    return kills.kills[-1]


def test_each_step_with_its_duration() -> None:
    head, *steps, result = timeline(killed(*BEGIN, exited(101.25), dead(101.5)))
    assert "appd[20], for sh[10]" in head
    assert "memory cgroup /app" in head
    assert "anon 41 MiB" in head
    assert [step.split("ms  ")[-1] for step in steps] == [
        "asked",
        "chosen, 41 MiB resident",
        "SIGKILL",
        "marked",
        "memory let go",
        "dead",
    ]
    assert "350.0 ms" in steps[4]
    assert "+50.0 ms" in steps[4]
    assert result.strip().startswith("dead 0.5s after it was chosen, by SIGKILL")
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
    assert lines[-1].endswith("1 of 2 threads seen to die")
    worker = Task(20, 21, "worker")
    lines = timeline(killed(*begin, dead(101.4, worker), dead(101.5)))
    assert "threads seen" not in lines[-1]
    assert any("dead (thread worker[20/21])" in line for line in lines)


def test_without_a_probe_on_the_choice() -> None:
    lines = timeline(killed(kill(101, si_code=128), oom_victim(101.1), dead(102)))
    assert "not known without a probe on oom_kill_process()" in lines[0]


def test_in_one_line() -> None:
    text = compact(killed(*BEGIN, dead(101.5)))
    assert text.startswith("asked, chosen +100.0 ms, SIGKILL +100.0 ms")
    assert text.endswith("dead +300.0 ms")
