"""Records of OOM kills, with and without oom_kill_process()."""

import pytest

from ktrace.detectors.oom_kills import KEPT, OomKills
from ktrace.events import Event, Task
from tests.factories import APP, SHELL, dead, kill, oom_kill, oom_victim, reap

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
