"""Each kill, its time to death, and where the victim was."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.detectors.kills import Kill, Kills, Place
from ktrace.events import Event, Task
from tests.factories import (
    APP,
    CACHE_STACK,
    FILLER_STACK,
    dead,
    kill,
    oom_kill,
    oom_victim,
    state,
    walk,
)

pytestmark = pytest.mark.unit

THREAD = Task(20, 21, "appd")


def victims(*events: Event, end: float = 200.0) -> list[Kill]:
    kills = Kills(kept=None)
    for event in events:
        kills.feed(event)
    kills.finish(end)
    return list(kills.kills)


def only(*events: Event, end: float = 200.0) -> Kill:
    (victim,) = victims(*events, end=end)
    return victim


def test_one_that_dies_before_anybody_looked() -> None:
    victim = only(kill(101), dead(101.004), walk(102))
    assert (victim.after_s, victim.exact, victim.alive) == (0.004, True, False)
    assert (victim.exit_signal, victim.place, victim.by) == (9, None, "signal")


def test_one_that_is_stuck_for_a_while() -> None:
    victim = only(kill(101), state(102), walk(102.0005), dead(111))
    assert (victim.after_s, victim.exact) == (10.0, True)
    assert victim.place == Place("squashfs_cache_get", "wait_event")


def test_the_place_is_where_it_was_longest_not_last() -> None:
    looks = [state(102, stack=CACHE_STACK), state(110, stack=FILLER_STACK)]
    victim = only(kill(101), *looks, dead(111))
    assert victim.spent == {
        Place("squashfs_cache_get", "wait_event"): 8.0,
        Place("submit_bio_wait", "wait_for_completion"): 1.0,
    }
    assert victim.place == Place("squashfs_cache_get", "wait_event")


def test_one_that_outlives_the_trace() -> None:
    victim = only(kill(101), state(102), walk(102.0005), end=130)
    assert (victim.after_s, victim.exact, victim.alive) == (29.0, False, True)


def test_it_is_dead_when_its_last_thread_is() -> None:
    looks = [state(102, THREAD), walk(102.0005)]
    victim = only(kill(101), dead(101.01), *looks, dead(111, THREAD))
    assert (victim.after_s, victim.exact, victim.alive) == (10.0, True, False)


def test_a_dead_leader_does_not_hide_a_stuck_thread() -> None:
    victim = only(kill(101), dead(101.01), state(102, THREAD), walk(102.0005), end=130)
    assert (victim.alive, victim.after_s, victim.exact) == (True, 29.0, False)


def test_a_second_signal_does_not_begin_another_story() -> None:
    victim = only(kill(101), state(102), kill(103), dead(104))
    assert victim.after_s == 3.0


def test_a_pid_that_is_used_again() -> None:
    both = victims(kill(101), dead(101.1), walk(102), kill(150), dead(150.5))
    assert [victim.after_s for victim in both] == [0.1, 0.5]


def test_killed_before_ktrace_looked() -> None:
    victim = only(state(100.5), walk(100.5005), dead(105))
    assert (victim.after_s, victim.exact) == (4.5, False)


def test_gone_unseen() -> None:
    victim = only(kill(101), state(102), walk(102.0005), walk(103))
    assert (victim.died_t, victim.alive, victim.exact) == (None, False, False)
    assert victim.after_s == 1.0  # so long it was seen


def test_a_signal_to_a_zombie_is_no_kill() -> None:
    victim = only(kill(101), state(102, state="zombie"), walk(102.0005))
    assert not victim.seen


@pytest.mark.parametrize(
    "events",
    [
        [oom_kill(100.9), kill(101, si_code=128)],
        [kill(101, si_code=128), oom_victim(101.1)],  # oom_kill_process() was not hooked
    ],
)
def test_by_the_oom_killer(events: list[Event]) -> None:
    assert only(*events, dead(102)).by == "oom"


def test_a_second_signal_after_the_leader_s_death_is_no_second_kill() -> None:
    looks = [state(102, THREAD), walk(102.0005)]
    victim = only(kill(101), dead(101.01), kill(101.5), *looks, dead(105, THREAD))
    assert (victim.t, victim.after_s) == (101, 4.0)


def test_threads_that_nobody_looked_at_are_not_dead_with_their_leader() -> None:
    four = replace(oom_kill(100.9), threads=4)
    victim = only(four, kill(101, si_code=128), dead(101.01), end=102)
    assert (victim.alive, victim.exact) == (True, False)


def test_more_threads_than_there_were_when_it_was_chosen() -> None:
    late = [state(102, THREAD), walk(102.0005)]
    victim = only(oom_kill(100.9), kill(101, si_code=128), dead(101.01), *late, dead(106, THREAD))
    assert (victim.after_s, victim.exact) == (5.0, True)


def test_only_the_longest_of_very_many_places_are_kept() -> None:
    looks = [state(102 + i, stack=(f"f{i}+0x1",)) for i in range(200)]
    victim = only(kill(101), state(101.5, stack=("first+0x1",)), *looks[100:], dead(400))
    assert len(victim.spent) < 100
    assert victim.place == Place("first", "wait_event")


def test_the_leader_says_by_which_signal() -> None:
    victim = only(kill(101), dead(101.1, APP, 7), dead(101.2, THREAD, 9))
    assert victim.exit_signal == 7


def test_exiting_has_no_primitive() -> None:
    victim = only(kill(101), state(102, state="exiting", stack=("exit_mmap+0x1",)), dead(104))
    assert victim.place == Place("exit_mmap", "<exiting>")


TIMES = st.floats(min_value=0, max_value=50)
TASKS = st.builds(Task, st.integers(1, 3), st.integers(1, 4), st.just("t"))
STATES = st.sampled_from(["uninterruptible", "running", "exiting", "zombie"])
ANY_EVENT = st.one_of(
    st.builds(kill, TIMES, TASKS),
    st.builds(lambda t, task, name: state(t, task, state=name), TIMES, TASKS, STATES),
    st.builds(dead, TIMES, TASKS),
    st.builds(walk, TIMES, TIMES),
    st.builds(oom_victim, TIMES, st.integers(1, 4)),
)


@given(st.lists(ANY_EVENT, max_size=30))
def test_a_damaged_trace_gives_no_impossible_victim(events: list[Event]) -> None:
    for victim in victims(*events, end=60.0):
        assert 0.0 <= victim.after_s <= 60.0
        assert all(spent >= 0.0 for spent in victim.spent.values())
        assert not (victim.alive and victim.exact)
        assert victim.place is None or victim.place in victim.spent
