"""Records of OOM kills, with and without oom_kill_process()."""

from dataclasses import replace

import pytest

from ktrace.detectors.oom_kills import KEPT, OomKills
from ktrace.events import Event, Task
from tests.factories import (
    APP,
    SHELL,
    activity,
    asked,
    dead,
    exited,
    kill,
    oom_kill,
    oom_victim,
    reap,
)

pytestmark = pytest.mark.unit


def fed(*events: Event) -> OomKills:
    kills = OomKills()
    for event in events:
        kills.feed(event)
    return kills


def test_from_choice_to_death() -> None:
    kills = fed(
        oom_kill(101),
        kill(101.1, si_code=128),
        oom_victim(101.2),
        reap(101.3, "wake"),
        reap(101.4, "finish"),
        dead(102),
    )
    (record,) = kills.kills
    assert kills.total == 1
    assert (record.by, record.victim, record.reaper) == (SHELL, APP, "finish")
    assert record.choice is not None
    assert (record.died_t, record.exit_signal) == (102, 9)


def test_mark_victim_stands_in_for_oom_kill_process() -> None:
    kills = fed(kill(101, si_code=128), oom_victim(101.1), dead(102))
    (record,) = kills.kills
    assert (record.victim, record.by, record.choice) == (APP, SHELL, None)
    assert record.died_t == 102


def test_the_same_pid_killed_again_is_another_kill() -> None:
    kills = fed(oom_kill(101), oom_victim(101.1), dead(102), oom_kill(103), oom_victim(103.1))
    assert kills.total == 2
    assert [record.died_t for record in kills.kills] == [102, None]


def test_a_threads_death_is_not_the_process_s() -> None:
    kills = fed(oom_kill(101), dead(102, Task(20, 21, "worker")))
    assert kills.kills[0].died_t is None


def test_old_kills_leave_the_count_stays() -> None:
    kills = fed(*(oom_kill(100 + i, Task(1000 + i, 1000 + i, "x")) for i in range(KEPT + 5)))
    assert (kills.total, len(kills.kills)) == (KEPT + 5, KEPT)


def test_every_step_in_order() -> None:
    worker = Task(20, 21, "worker")
    kills = fed(
        asked(100.9, SHELL, "/app"),
        oom_kill(101),
        kill(101.1, si_code=128),
        oom_victim(101.2),
        replace(reap(101.3, "wake"), rss_kib=5000),
        replace(reap(101.4, "start"), rss_kib=5000),
        replace(reap(101.5, "finish"), rss_kib=1000),
        exited(101.6, worker),
        exited(101.7),
        dead(101.8, worker),
        dead(101.9),
    )
    (record,) = kills.kills
    assert [(step.name, step.t) for step in record.steps] == [
        ("asked", 100.9),
        ("chosen", 101),
        ("SIGKILL", 101.1),
        ("marked", 101.2),
        ("reaper woken", 101.3),
        ("reaper started", 101.4),
        ("reaper finished", 101.5),
        ("memory let go", 101.6),
        ("memory let go", 101.7),
        ("dead", 101.8),
        ("dead", 101.9),
    ]
    assert record.freed_kib == 4000
    assert record.asked is not None
    assert record.asked.memcg == "/app"


def test_where_it_stopped() -> None:
    kills = fed(oom_kill(101), kill(101.1, si_code=128), oom_victim(101.2), reap(101.3, "wake"))
    assert kills.kills[0].steps[-1].name == "reaper woken"
    assert kills.kills[0].freed_kib is None


def test_steps_without_oom_kill_process() -> None:
    kills = fed(asked(100.9), kill(101, si_code=128), oom_victim(101.1), exited(101.2), dead(102))
    names = [step.name for step in kills.kills[0].steps]
    assert names == ["asked", "SIGKILL", "marked", "memory let go", "dead"]


def test_a_thousand_threads_do_not_hide_the_end() -> None:
    threads = [exited(101 + i / 1000, Task(20, 1000 + i, "t")) for i in range(1000)]
    kills = fed(oom_kill(101), *threads, dead(103))
    (record,) = kills.kills
    assert len(record.steps) < 60
    assert record.steps[-1].name == "dead"
    assert record.steps_left_out == 1001 + 1 - len(record.steps)


def test_calls_are_the_kernel_s_count() -> None:
    kills = fed(asked(101), asked(101.1), activity(102, 4779), activity(102, 5, memcg=None))
    assert kills.invocations == 4784
    retries = fed(asked(101), activity(102, 900, call="reclaim_retry_zone"))
    assert retries.invocations == 1
